"""MicroPython's `bluetooth` module over Bumble, as far as the node's firmware uses it: so the node's own peripheral
runs on CPython and is heard by a real Bluetooth stack, without a radio.

After MicroPython's documentation of `bluetooth` (1.29): events 1 to 3, GATT server, advertising. A buffer that appends
is emptied by reading it; a notification carries what is written, cut to what the connection takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bumble.device import Connection
from bumble.device import Device as BumbleDevice
from bumble.gatt import Characteristic, CharacteristicValue, Service

CONNECTED, DISCONNECTED, WRITTEN = 1, 2, 3


class Bluetooth:
    """The module: `BLE()` is its only radio."""

    UUID = str

    def __init__(self, device: BumbleDevice) -> None:
        self._device = device
        self.advertised: list[bytes] = []
        """What was advertised, change by change."""
        self._handler: Callable[[int, Any], None] = lambda event, data: None
        self._values: list[bytes] = []
        self._appends: set[int] = set()
        self._characteristics: list[Characteristic[bytes]] = []
        self._last: asyncio.Task[None] | None = None
        device.on("connection", self._connected)

    def BLE(self) -> Bluetooth:
        return self

    def active(self, on: bool) -> None:
        """The host is powered by the test; its services stay, as they would be registered again."""

    def config(self, **_: object) -> None:
        """The name and the MTU are Bumble's own."""

    def irq(self, handler: Callable[[int, Any], None]) -> None:
        self._handler = handler

    def gatts_register_services(self, services: Any) -> tuple[tuple[int, ...], ...]:
        (only,) = services
        uuid, parts = only
        if not self._characteristics:
            self._characteristics = [self._characteristic(at, *part) for at, part in enumerate(parts)]
            self._values = [b""] * len(parts)
            self._device.add_service(Service(uuid.upper(), self._characteristics))
        return (tuple(range(len(parts))),)

    def _characteristic(self, handle: int, uuid: str, flags: int) -> Characteristic[bytes]:
        def write(connection: Connection, data: bytes) -> None:
            self._values[handle] = (self._values[handle] if handle in self._appends else b"") + data
            self._handler(WRITTEN, (connection.handle, handle))

        return Characteristic(
            uuid.upper(),
            Characteristic.Properties(flags),
            Characteristic.Permissions.READABLE | Characteristic.Permissions.WRITEABLE,
            CharacteristicValue(read=lambda _: self._values[handle], write=write),
        )

    def gatts_set_buffer(self, handle: int, size: int, append: bool = False) -> None:
        if append:
            self._appends.add(handle)

    def gatts_write(self, handle: int, data: bytes) -> None:
        self._values[handle] = bytes(data)

    def gatts_read(self, handle: int) -> bytes:
        found = self._values[handle]
        if handle in self._appends:
            self._values[handle] = b""
        return found

    def gatts_notify(self, connection: int, handle: int) -> None:
        if not self._device.connections:
            raise OSError(107)
        value = self._values[handle]
        self._next(self._device.notify_subscribers(self._characteristics[handle], value))

    def gap_advertise(self, every_us: int | None, adv_data: bytes = b"") -> None:
        if every_us is None:
            self._next(self._device.stop_advertising())
        else:
            self.advertised.append(adv_data)
            self._next(self._advertise(adv_data))

    async def _advertise(self, data: bytes) -> None:
        if self._device.is_advertising:
            await self._device.stop_advertising()
        await self._device.start_advertising(
            advertising_data=data, advertising_interval_min=50.0, advertising_interval_max=50.0
        )

    def _next(self, act: Any) -> None:
        """In order, as the controller of a board does what it is told."""
        before = self._last

        async def after() -> None:
            if before is not None:
                await before
            await act

        self._last = asyncio.ensure_future(after())

    def _connected(self, connection: Connection) -> None:
        connection.on("disconnection", lambda _: self._handler(DISCONNECTED, (connection.handle, 0, b"")))
        self._handler(CONNECTED, (connection.handle, 0, b""))
