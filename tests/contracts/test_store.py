"""What any store must do (`sluis.intake.ports`): run it over a new one by adding it to STORES."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sluis.intake.ports import Batch, Delivery, DeviceStore, LatestStore, OccurrenceRow, ReadingStore, Row
from sluis.model import Device, DeviceState, Stamp, Value
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.packing import Packing
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

NOW = Stamp(1_795_500_000_000_000, 5_000_000)
STORES = ("sqlite", "sqlite-packed", "sqlite-reopened", "sqlite-slow-commits")


@dataclass
class Subject:
    """A store under test."""

    readings: ReadingStore
    latest: LatestStore
    devices: DeviceStore
    stored: Callable[[str, str], Awaitable[list[Any]]]
    """(value, stamp, quality, device time) of all readings, in order."""


class Sqlite:
    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self.open()

    def open(self) -> None:
        interval = 0.02 if self.kind == "sqlite-slow-commits" else 0.0
        self.database = Database(self.path, StoreSettings(reserve_mb=0, commit_interval_s=interval))
        self.database.start()
        self.readings = Readings(self.database, NOW)

    def subject(self) -> Subject:
        return Subject(self.readings, self.readings, Devices(self.database), self.stored)

    async def settle(self) -> Subject:
        """Do what this kind of store does behind the scenes."""
        if self.kind == "sqlite-packed":
            await Packing(self.readings).pack(NOW)
        elif self.kind == "sqlite-reopened":
            self.database.close()
            self.open()
        return self.subject()

    async def stored(self, device: str, point: str) -> list[Any]:
        found = await History(self.readings).readings(device, point, -(2**63), 2**63 - 1, 10**9)
        return [(one.value, one.stamp, one.quality, one.device_at_us) for one in found]


@pytest.fixture(params=STORES)
async def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sqlite]:
    made = Sqlite(tmp_path / "sluis.db", request.param)
    yield made
    made.database.close()


def stamp(second: float, *, trusted: bool = True) -> Stamp:
    return Stamp(NOW.at_us + int(second * 1e6), NOW.mono_us + int(second * 1e6), trusted)


async def adopt(subject: Subject, key: str = "lamp", points: tuple[str, ...] = ("power",)) -> dict[str, int]:
    await subject.devices.save(Device(key, "driver", f"native-{key}", "mqtt", DeviceState.ADOPTED))
    return await subject.devices.point_ids(key, points)


async def put(subject: Subject, point: int, *values: Value, **others: Any) -> int:
    rows = [Row(point, stamp(index), value, 0) for index, value in enumerate(values)]
    return await asyncio.wrap_future(subject.readings.append(Batch(rows, **others)))


async def test_what_was_appended_is_there_in_order(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    values: list[Value] = [1, 1.0, True, False, "on", "", 0.1, -0.0, 2**62, -(2**62), "ünï…"]
    await put(subject, point, *values)
    subject = await sqlite.settle()
    found = await subject.stored("lamp", "power")
    assert [(type(one[0]), one[0]) for one in found] == [(type(value), value) for value in values]


async def test_stamps_quality_and_trust_are_kept(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    rows = [
        Row(point, stamp(0), 1.5, 0, 123),
        Row(point, stamp(-(10**9)), 2.5, 1),
        Row(point, stamp(10**9, trusted=False), 3.5, 2, -5),
    ]
    await asyncio.wrap_future(subject.readings.append(Batch(rows)))
    subject = await sqlite.settle()
    assert await subject.stored("lamp", "power") == [(r.value, r.stamp, r.quality, r.device_at_us) for r in rows]


async def test_sequence_numbers_only_grow(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    seqs = []
    for _ in range(4):
        seqs.append(await put(subject, point, 1.0, 2.0))
        subject = await sqlite.settle()
    assert seqs == [2, 4, 6, 8]
    assert await put(subject, point) == 8


async def test_values_no_database_can_hold_do_not_stop_it(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    odd: list[Value] = [1.0, float("nan"), float("inf"), 10**30, -(10**400), "\ud800", "a\0b", 2.0]
    first = asyncio.wrap_future(subject.readings.append(Batch([Row(point, stamp(0), v, 0, 10**30) for v in odd])))
    others = put(subject, point, 3.0)
    assert await asyncio.gather(first, others) == [8, 9]
    subject = await sqlite.settle()
    found = [one[0] for one in await subject.stored("lamp", "power")]
    assert found == [1.0, "NaN", float("inf"), 1e30, float("-inf"), "?", "a\0b", 2.0, 3.0]


async def test_equal_readings_are_not_merged(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    await asyncio.wrap_future(subject.readings.append(Batch([Row(point, stamp(1), 5.0, 0)] * 100)))
    subject = await sqlite.settle()
    assert len(await subject.stored("lamp", "power")) == 100


async def test_latest_of_each_point(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    ids = await adopt(subject, points=("power", "on", "never"))
    await put(subject, ids["power"], 1.0, 2.0)
    await put(subject, ids["on"], True)
    subject = await sqlite.settle()
    await put(subject, ids["power"], 3.0)
    latest = await subject.latest.latest()
    assert latest == {ids["power"]: (stamp(0), 3.0, 0), ids["on"]: (stamp(0), True, 0)}
    assert latest[ids["on"]][1] is True


async def test_deliveries_are_remembered_per_session(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    await put(subject, point, 1.0, delivery=Delivery("mqtt", "one", (5, 6), (-(2**63), 2**63 - 1)))
    await put(subject, point, 1.0, delivery=Delivery("mqtt", "two", (5,), (50,)))
    await put(subject, point, delivery=Delivery("mqtt", "one", (6,), (7,)))
    subject = await sqlite.settle()
    assert subject.readings.recent_deliveries("mqtt", "one") == {5: -(2**63), 6: 7}
    assert subject.readings.recent_deliveries("mqtt", "two") == {5: 50}
    assert subject.readings.recent_deliveries("ble", "one") == {}


async def test_identities_are_remembered_oldest_first(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    await put(subject, point, 1.0, identities=(3, 1))
    await put(subject, point, 1.0, identities=(2,))
    subject = await sqlite.settle()
    assert list(subject.readings.recent_identities()) == [3, 1, 2]


async def test_occurrences_ride_along(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    point = (await adopt(subject))["power"]
    rows = [OccurrenceRow(point, stamp(1), "single"), OccurrenceRow(point, stamp(1), "single")]
    await asyncio.wrap_future(subject.readings.append(Batch([], rows)))
    await sqlite.settle()
    found = await sqlite.database.read(lambda c: c.execute("SELECT what FROM occurrences").fetchall())
    assert [what for (what,) in found] == ["single", "single"]


async def test_devices_come_back_with_their_point_ids(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    ids = await adopt(subject, points=("power", "on"))
    changed = Device("lamp", "driver", "native-lamp", "mqtt", DeviceState.RETIRED, name="Lämp", description={"a": [1]})
    await subject.devices.save(changed)
    subject = await sqlite.settle()
    assert await subject.devices.load() == [(changed, ids)]
    assert await subject.devices.point_ids("lamp", ["on", "more"]) == {"on": ids["on"], "more": max(ids.values()) + 1}


async def test_only_a_device_without_points_can_be_forgotten(sqlite: Sqlite) -> None:
    subject = sqlite.subject()
    await adopt(subject)
    await subject.devices.save(Device("stranger", "driver", "other", "mqtt"))
    await subject.devices.forget("lamp")
    await subject.devices.forget("stranger")
    subject = await sqlite.settle()
    assert [device.key for device, _ in await subject.devices.load()] == ["lamp"]
