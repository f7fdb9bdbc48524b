"""Devices that offer Improv over Bluetooth, heard and connected to by this machine's adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sluis.links.ble.backend import BleBackend, BlePeer, backend_of
from sluis.links.ble.settings import BleSettings
from sluis.model import FrameError
from sluis.runtime import SystemClock
from sluis.wire import advertising
from sluis.wire.improv import radio
from sluis.wire.improv.rpc import State

LISTEN_S = 15.0
"""Until a device that advertises every second or two was surely heard; adapters listen a part of the time only."""

MORE_S = 3.0
"""For others, once one was heard and none was named."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One device that offers Improv."""

    address: str
    name: str
    state: State
    rssi_dbm: int | None

    def sentence(self) -> str:
        name = f" {self.name}" if self.name else ""
        rssi = f", {self.rssi_dbm} dBm" if self.rssi_dbm is not None else ""
        return f"{self.address}{name} ({self.state.name.lower()}{rssi})"


class _Ear:
    """Collects offers; `wanted` is set when there is what was looked for."""

    def __init__(self, address: str) -> None:
        self.found: dict[str, Offer] = {}
        self.wanted = asyncio.Event()
        self._address = address.upper()

    def hear(self, address: str, data: bytes, rssi_dbm: int | None) -> None:
        try:
            said = advertising.parse(data)
            state, _ = radio.offered(said)
        except FrameError:
            return
        if self._address in ("", address):
            held = self.found.get(address)
            self.found[address] = Offer(address, said.name or (held.name if held else ""), state, rssi_dbm)
            self.wanted.set()


@asynccontextmanager
async def offering(adapter: str, address: str) -> AsyncIterator[tuple[BleBackend, list[Offer]]]:
    """The adapter, and who offers Improv: the one with this address, or all ("") with the nearest first. AdapterTrouble
    says why an adapter cannot be used."""
    backend = backend_of(BleSettings(adapter=adapter), SystemClock())
    ear = _Ear(address)
    try:
        await backend.scan(ear.hear)
        try:
            async with asyncio.timeout(LISTEN_S):
                await ear.wanted.wait()
            if not address:
                await asyncio.sleep(MORE_S)
        except TimeoutError:
            pass
        await backend.rest()
        yield backend, sorted(ear.found.values(), key=lambda one: -(one.rssi_dbm or -999))
    finally:
        await backend.close()


@asynccontextmanager
async def connected(backend: BleBackend, address: str, lost: Callable[[], None]) -> AsyncIterator[BlePeer]:
    """A connection to a device that was heard just now; `lost` is called when it ends by itself. LinkError."""
    peer = await backend.connect(address, pairing=None, lost=lost)
    try:
        yield peer
    finally:
        await peer.close()
