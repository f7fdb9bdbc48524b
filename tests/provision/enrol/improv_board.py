"""A node's side of Improv over Bluetooth: the firmware's own peripheral, on CPython and a virtual controller."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.firmware.vm import LIB
from tests.links.ble.air import Air, Peripheral

from .bumble_bluetooth import Bluetooth

ADDRESS = "C4:11:11:11:11:21"
HOST = "sluis-e66118604b4a2c21"
PASSWORD = "a perfectly long password of Wi-Fi"
NETWORKS = [("attic", -50, 3), ("guests", -70, 0), *((f"a neighbour's network {n}", -80 - n, 4) for n in range(9))]


@dataclass
class Radio:
    """A node's Wi-Fi, as `net.Wifi` is, in a house with some access points."""

    wireless = True
    seeking: bool = True
    joined: str = ""
    known: list[dict[str, str]] = field(default_factory=list)
    joining: Callable[[], Awaitable[None]] | None = None
    """What happens while it joins."""

    def up(self) -> bool:
        return bool(self.joined)

    async def scan(self) -> list[tuple[str, int, int]]:
        return NETWORKS

    async def join(self, ssid: str, password: str) -> bool:
        if self.joining is not None:
            await self.joining()
        if (ssid, password) in (("attic", PASSWORD), ("guests", "")):
            self.joined, self.seeking = ssid, False
        return self.up()

    def know(self, network: dict[str, str]) -> None:
        self.known.append(network)


@dataclass
class Board:
    """The node's side of it."""

    peripheral: Peripheral
    way: Radio
    bluetooth: Bluetooth
    offer: Any
    kept: list[tuple[str, str]]
    blinks: list[int]
    up_s: int = 5


@contextmanager
def the_firmware() -> Iterator[Any]:
    """The firmware's modules, as they are on a node."""
    before = set(sys.modules)
    sys.path.insert(0, str(LIB))
    try:
        from sluis_node import improv, improv_ble  # type: ignore[import-not-found]

        yield SimpleNamespace(improv=improv, improv_ble=improv_ble)
    finally:
        sys.path.remove(str(LIB))
        for name in set(sys.modules) - before:
            if name.startswith("sluis_node"):
                del sys.modules[name]


@asynccontextmanager
async def a_board(air: Air, firmware: Any) -> AsyncIterator[Board]:
    """A node that waits to be told a network."""
    peripheral = await air.peripheral(ADDRESS)
    way, bluetooth, kept, blinks = Radio(), Bluetooth(peripheral.device), [], []

    def identify(for_s: int) -> bool:
        blinks.append(for_s)
        return True

    card = SimpleNamespace(name="Boiler room", hardware="Raspberry Pi Pico W with RP2040")
    offer = firmware.improv.Improv(way, HOST, card, identify, lambda *told: kept.append(told), True)
    made = Board(peripheral, way, bluetooth, offer, kept, blinks)
    radio = firmware.improv_ble.Radio(bluetooth, offer, HOST, lambda: made.up_s)
    running = asyncio.ensure_future(radio.run(way))
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
