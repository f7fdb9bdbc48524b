"""Improv: how a node without a network is told of one, over its console or over Bluetooth LE. Both speak of this:

    RPC      CC LL DD...              C command, L bytes of data
    result   CC LL (NN SS...)...      C what is answered, then strings: N bytes, UTF-8

On the console each is a packet (`packet`), on Bluetooth a value with a checksum (`summed`). Sources: improv-wifi.com,
"Improv via Serial" and "Improv via BLE", revision 2.4. The gateway's side is `sluis.wire.improv`; both replay
tests/vectors/improv.jsonl.
"""

import sys

from sluis_node import VERSION
from sluis_node.cable import HEADER

try:
    from typing import Any, Callable
except ImportError:  # a node has no typing
    pass

STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4
LOCKED, READY, JOINING, JOINED = 1, 2, 3, 4
NONE, BAD_PACKET, UNKNOWN_COMMAND, NOT_JOINED, NOT_AUTHORIZED, BAD_HOSTNAME = 0, 1, 2, 3, 4, 5
JOIN, STATE_OR_IDENTIFY, ABOUT, SCAN, HOSTNAME, NAME, NETWORK = 1, 2, 3, 4, 5, 6, 7
CAN = 0b1111
"""On Bluetooth: identify, tell of itself, scan, hostname."""

DATA_MAX = 255
RESULT_MAX = DATA_MAX - 2
"""Bytes of strings in a result: on the console its head is among the data of the packet."""

OPEN_S = 600
"""A node that has a key takes a network over Bluetooth this long after a start: whoever can switch it off and on has
it in hand. Shorter and a technician on a ladder comes too late; longer and passers-by may move it elsewhere."""


def summed(data: bytes) -> bytes:
    """With the checksum: the low byte of the sum of all before it."""
    return data + bytes((sum(data) & 255,))


def packet(kind: int, data: bytes) -> bytes:
    """As it goes over the console."""
    return summed(HEADER + bytes((kind, len(data))) + data)


def result(asked: int, texts: "list[str]") -> bytes:
    """An answer; strings that do not fit any more are left out."""
    data = b""
    for text in texts:
        each = text.encode()[:DATA_MAX]
        if len(data) + 1 + len(each) > RESULT_MAX:
            break
        data += bytes((len(each),)) + each
    return bytes((asked, len(data))) + data


def read_strings(data: bytes) -> "list[str]":
    """The strings of an RPC. ValueError when they are cut off, or no UTF-8."""
    found = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise ValueError("a string is cut off")
        found.append(data[at + 1 : end].decode())
        at = end
    return found


class Improv:
    """What is asked of this node, whichever way it comes. `say(kind, data)` brings an answer back."""

    def __init__(
        self,
        way: "Any",
        host: str,
        card: "Any",
        identify: "Callable[[int], bool]",
        keep: "Callable[[str, str], None]",
        keyed: bool,
    ) -> None:
        self._way = way
        self._host = host
        self._card = card
        self._identify = identify
        self._keep = keep
        self._keyed = keyed
        self._joining = False
        self.listeners: "list[Callable[[int, bytes], None]]" = []
        """Who wants to hear of each change of state as well."""

    def state(self, up_s: "int | None" = None) -> int:
        """What we are in; with the seconds since the start, what we are in for Bluetooth."""
        if self._joining:
            return JOINING
        if self._way.up():
            return JOINED
        return LOCKED if up_s is not None and self._keyed and up_s > OPEN_S else READY

    async def do(self, rpc: bytes, say: "Callable[[int, bytes], None]", up_s: "int | None" = None) -> None:
        """Carry a command out; never raises what is the asker's fault. `up_s` is told for Bluetooth."""
        say(ERROR, bytes((NONE,)))
        try:
            if len(rpc) < 2 or len(rpc) != rpc[1] + 2:
                raise ValueError
            fault = await self._carry_out(rpc[0], rpc[2:], say, up_s)
        except ValueError:
            fault = BAD_PACKET
        if fault:
            say(ERROR, bytes((fault,)))

    async def _carry_out(self, asked: int, data: bytes, say: "Any", up_s: "int | None") -> int:
        """Returns the fault, or NONE."""
        if asked == JOIN:
            return await self._join(data, say, up_s)
        if asked == STATE_OR_IDENTIFY and up_s is not None:
            return NONE if self._identify(10) else UNKNOWN_COMMAND
        if asked == STATE_OR_IDENTIFY:
            say(STATE, bytes((self.state(),)))
            if self.state() == JOINED:
                say(RESULT, result(JOIN, []))
        elif asked == ABOUT:
            say(RESULT, result(ABOUT, self._about()))
        elif asked == SCAN:
            await self._scan(say, up_s is not None)
        elif asked == HOSTNAME:
            # It is the id, by which this node is known to its gateway: no other is acceptable.
            if data and data.decode() != self._host:
                return BAD_HOSTNAME
            say(RESULT, result(HOSTNAME, [self._host]))
        elif asked == NAME and not data:
            say(RESULT, result(NAME, [self._card.name]))
        elif asked == NETWORK:
            flags = int(self._way.up()) | (2 if self._way.wireless else 4)
            say(RESULT, result(NETWORK, [str(flags)]))
        else:
            return UNKNOWN_COMMAND
        return NONE

    def _about(self) -> "list[str]":
        chip = self._card.hardware.split(" with ")[-1] or sys.platform
        version = ".".join(str(number) for number in sys.implementation.version[:3])
        return ["Sluis node", VERSION, chip, self._card.name, "MicroPython", version]

    async def _scan(self, say: "Any", at_once: bool) -> None:
        """On the console a result for each network, then an empty one; on Bluetooth one with all that fit."""
        rows = [[ssid, str(rssi), _security(security, at_once)] for ssid, rssi, security in await self._way.scan()]
        if not at_once:
            for row in rows:
                say(RESULT, result(SCAN, row))
            rows = []
        fit, size = [], 0
        for row in rows:
            size += sum(1 + len(text.encode()) for text in row)
            if size <= RESULT_MAX:
                fit += row
        say(RESULT, result(SCAN, fit))

    async def _join(self, data: bytes, say: "Any", up_s: "int | None") -> int:
        told = read_strings(data)
        if len(told) != 2 or not 0 < len(told[0].encode()) <= 32:
            raise ValueError
        if up_s is not None and self.state(up_s) == LOCKED:
            return NOT_AUTHORIZED
        if self._joining or not self._way.wireless:
            return NOT_JOINED
        self._joining = True
        self._tell_state(say)
        try:
            joined = await self._way.join(told[0], told[1])
        finally:
            self._joining = False
        if joined:
            self._keep(told[0], told[1])
            self._way.know({"ssid": told[0], "password": told[1]})
        self._tell_state(say)
        if joined:
            say(RESULT, result(JOIN, []))
        return NONE if joined else NOT_JOINED

    def _tell_state(self, say: "Any") -> None:
        for listener in [say] + [each for each in self.listeners if each is not say]:
            listener(STATE, bytes((self.state(),)))


def _security(mode: int, by_name: bool) -> str:
    """On the console whether there is any; on Bluetooth which. Modes as in the IEEE's order, the same on all chips."""
    if not mode:
        return "NO"
    return (("NO", "WEP", "WPA", "WPA2")[mode] if mode < 4 else "WPA2") if by_name else "YES"
