"""A device that answers by notification, on a virtual controller in a virtual air (both of Bumble)."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from bumble.gatt import Characteristic, CharacteristicValue, Service

from sluis.links.ble.link import BleLink
from sluis.links.ble.settings import BleSettings
from sluis.runtime import SystemClock
from sluis.sdk import Framing, Station
from tests.conftest import a_free_port
from tests.contracts.rigs import Make, Rig
from tests.links.ble.air import Adapter, Air, Peripheral, bthome

ADDRESS = "C4:44:44:44:44:44"
LINE = "0000ffe1-1234-5678-9abc-def012345678"


class BleRig:
    """Question `?0001`, answer `=0001`, over one characteristic."""

    port_is_link = True
    notices = True
    source = f"{ADDRESS}/{LINE}"
    question = b"?0001"

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._port = a_free_port()
        settings = BleSettings(adapter=f"tcp-client:127.0.0.1:{self._port}", retry_cap_s=0.3, call_timeout_s=2.0)
        self.link = BleLink(settings, SystemClock())
        self._running: asyncio.Task[None] | None = None
        self._adapter: Adapter | None = None
        self._air = Air()
        self._device: Peripheral | None = None
        self._mute = False
        self._owed: list[bytes] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def ask(self, n: int) -> bytes:
        return b"?%04d" % n

    def answer(self, n: int) -> bytes:
        return b"=%04d" % n

    async def start(self) -> None:
        if self._adapter is None:
            self._adapter = await self._air.adapter(self._port)
            self._device = await self._air.peripheral(ADDRESS)
            self._offer(self._device)
            await self._device.advertise(bthome(20))
        self.link.set_stations({self.source: Station(self.source, Framing("datagram", same=((1, 1, 4),)))})
        self.link.set_filters(frozenset({self.source}))
        self._running = asyncio.ensure_future(self.link.run())

    def _offer(self, device: Peripheral) -> None:
        both = Characteristic.Properties.WRITE | Characteristic.Properties.NOTIFY
        value: Any = CharacteristicValue(write=self._take)
        self._line: Characteristic[Any] = Characteristic(LINE, both, Characteristic.Permissions.WRITEABLE, value)
        device.device.add_service(Service("ffe0", [self._line]))

    async def _take(self, _: object, question: bytes) -> None:
        self.asked.append(question)
        answer = b"=" + question[1:]
        if self._mute:
            self._owed.append(answer)
        else:
            await self.feed(answer)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def close(self) -> None:
        await self._air.close()

    async def feed(self, *frames: bytes) -> None:
        assert self._device is not None
        for frame in frames:
            await self._device.device.notify_subscribers(self._line, frame)

    async def lose(self) -> None:
        assert self._adapter is not None
        await self._adapter.unplug()

    async def heal(self) -> None:
        """The device has noticed too: it advertises again."""
        assert self._adapter is not None
        assert self._device is not None
        await self._device.drop()
        await self._adapter.plug()
        await self._device.advertise(bthome(20))

    def mute(self, on: bool) -> None:
        self._mute = on
        if not on:
            owed, self._owed = self._owed, []
            task = asyncio.ensure_future(self.feed(*owed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _ble(folder: Path) -> Rig:
    return BleRig()


RIGS: dict[str, Make] = {"ble": _ble}
