"""A store on a real file, with one device, and short ways to fill it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluis.intake.ports import Batch, Row
from sluis.model import Device, Stamp, Value
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.packing import Packing
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

T0_US = 1_795_500_000_000_000
"""A whole minute and hour: 24 November 2026, about six in the morning... of the tests."""
NOW = Stamp(T0_US, 1_000_000_000)
POINTS = ("temperature", "on", "mode")


def at(second: float, *, trusted: bool = True) -> Stamp:
    """The stamp `second` seconds after `NOW`."""
    return Stamp(NOW.at_us + int(second * 1e6), NOW.mono_us + int(second * 1e6), trusted)


@dataclass
class Store:
    """Everything of one open store."""

    database: Database
    readings: Readings
    history: History
    packing: Packing
    devices: Devices
    points: dict[str, int]

    async def put(self, point: str, values: Iterable[tuple[float, Value]], quality: int = 0) -> int:
        """Append (second, value) pairs in one batch; the last seq."""
        rows = [Row(self.points[point], at(second), value, quality) for second, value in values]
        return await asyncio.wrap_future(self.readings.append(Batch(rows)))

    async def all(self, point: str) -> list[Value]:
        return [one.value for one in await self.history.readings("device", point, -(2**62), 2**62, 10**9)]


async def open_store(path: Path, settings: StoreSettings | None = None, now: Stamp = NOW) -> Store:
    database = Database(path, settings or StoreSettings(commit_interval_s=0, reserve_mb=0))
    database.start()
    readings = Readings(database, now)
    devices = Devices(database)
    await devices.save(Device("device", "driver", "native", "mqtt"))
    points = await devices.point_ids("device", POINTS)
    return Store(database, readings, History(readings), Packing(readings), devices, points)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(tmp_path / "sluis.db")
    yield made
    made.database.close()
