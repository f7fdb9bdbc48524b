"""Improv over Bluetooth LE, on boards that have it: offered while no known network can be joined, else switched off.

What is said over the air is not encrypted, so a node gets its key over the cable and only its network here.
"""

import asyncio

from sluis_node import improv

try:
    from typing import Any, Callable
except ImportError:  # a node has no typing
    pass

SERVICE = "00467768-6228-2272-4663-277478268000"
SERVICE_DATA = 0x4677
EVERY_US = 250_000
"""Between advertisements: heard within a second by whoever looks, at some 0.1 mA."""

FLAGS = (0x12, 0x12, 0x0C, 0x12, 0x02)
"""State, error, command, result, capabilities: read 2, write without response 4, write 8, notify 16."""

CONNECTED, DISCONNECTED, WRITTEN = 1, 2, 3
COMMAND_MAX = improv.DATA_MAX + 3
LOOK_S = 0.05
"""Bluetooth's own callbacks only note what came; a task looks this often."""

LINGER_LOOKS = 100
"""So long (5 s) the last answer can be fetched after the node has joined."""


def advertisement(state: int) -> bytes:
    """All 31 bytes: flags, the service, and its data (state, capabilities, four bytes for later)."""
    uuid = bytes.fromhex(SERVICE.replace("-", ""))
    head = b"\x02\x01\x06\x11\x07" + bytes(uuid[15 - at] for at in range(16)) + b"\x09\x16"
    return head + SERVICE_DATA.to_bytes(2, "little") + bytes((state, improv.CAN, 0, 0, 0, 0))


class Radio:
    """The peripheral. `bluetooth` is MicroPython's module; `up_s()` tells the seconds since the start."""

    def __init__(self, bluetooth: "Any", offer: "improv.Improv", name: str, up_s: "Callable[[], int]") -> None:
        self._ble = bluetooth.BLE()
        self._uuid = bluetooth.UUID
        self._offer = offer
        self._name = name
        self._up_s = up_s
        self._open = False
        self._handles: "tuple[Any, ...]" = ()
        self._connection: "Any" = None
        self._held = b""
        self._told = 0
        self._linger = 0
        self._listener = self._say

    async def run(self, way: "Any") -> None:
        """Offer Improv whenever nothing else is left."""
        while True:
            if way.seeking and not self._open:
                self._begin()
            if self._open:
                await self._look()
                self._linger = self._linger + 1 if way.up() else 0
                if self._linger > LINGER_LOOKS:
                    self._end()
            await asyncio.sleep(LOOK_S if self._open else 1)

    def _begin(self) -> None:
        ble = self._ble
        ble.active(True)
        ble.config(gap_name=self._name, mtu=256)
        ble.irq(self._event)
        parts = tuple((self._uuid(SERVICE[:-1] + str(at + 1)), flags) for at, flags in enumerate(FLAGS))
        (self._handles,) = ble.gatts_register_services(((self._uuid(SERVICE), parts),))
        ble.gatts_set_buffer(self._handles[2], COMMAND_MAX, True)
        ble.gatts_set_buffer(self._handles[3], COMMAND_MAX)
        ble.gatts_write(self._handles[4], bytes((improv.CAN,)))
        ble.gatts_write(self._handles[1], bytes((improv.NONE,)))
        self._connection = None
        self._told = 0
        self._open = True
        self._offer.listeners.append(self._listener)

    def _end(self) -> None:
        """Its memory is wanted elsewhere."""
        self._offer.listeners.remove(self._listener)
        self._ble.gap_advertise(None)
        self._ble.active(False)
        self._open = False

    def _event(self, event: int, data: "Any") -> None:
        if event == CONNECTED:
            self._connection = data[0]
            self._held = b""
        elif event == DISCONNECTED:
            self._connection = None
            self._told = 0  # a connection has ended the advertising
        elif event == WRITTEN and data[1] == self._handles[2]:
            self._held += self._ble.gatts_read(data[1])

    async def _look(self) -> None:
        state = self._offer.state(self._up_s())
        if state != self._told:
            self._say(improv.STATE, bytes((state,)))
            if self._connection is None:
                self._ble.gap_advertise(EVERY_US, advertisement(state))
        held = self._held
        if len(held) > COMMAND_MAX:
            self._held = b""
        elif len(held) >= 2 and len(held) >= held[1] + 3:
            self._held = b""
            rpc = held[:-1]
            # A wrong sum is answered as a wrong length is.
            await self._offer.do(rpc if improv.summed(rpc) == held else b"", self._listener, self._up_s())

    def _say(self, kind: int, data: bytes) -> None:
        if kind == improv.STATE:
            self._told = data[0]
        handle = self._handles[(0, 0, 1, 0, 3)[kind]]
        self._ble.gatts_write(handle, improv.summed(data) if kind == improv.RESULT else data)
        if self._connection is not None:
            try:
                self._ble.gatts_notify(self._connection, handle)
            except OSError:  # it has just left
                self._connection = None
