"""Retention, quota, re-dating, budget, upkeep."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sluis.intake.ports import Batch, OccurrenceRow, Row
from sluis.model import Point, Stamp
from sluis.runtime import ManualClock
from sluis.store.budget import Budget
from sluis.store.health import health
from sluis.store.packing import Packing
from sluis.store.quota import Quota, used_bytes
from sluis.store.records import unpack_block
from sluis.store.retention import Retention
from sluis.store.rollups import Resolution, unpack_rollups
from sluis.store.segments import fetch_blocks, read_segments
from sluis.store.settings import CardSettings, KeepSettings, StoreSettings
from sluis.store.upkeep import Upkeep

from .conftest import NOW, T0_US, Store, at, open_store

DAY_S = 86_400
EVERYTHING = (T0_US - 10**15, T0_US + 10**15)


async def counts(store: Store, point: str) -> tuple[int, int, int]:
    """What is left of a point: readings, and readings that minutes and hours were made from."""

    def work(connection: sqlite3.Connection) -> tuple[int, int, int]:
        segments = [one.id for one in read_segments(connection)]
        raw, minutes, hours = (fetch_blocks(connection, one, store.points[point], segments) for one in Resolution)
        return (
            sum(len(unpack_block(data)) for data in raw.values()),
            sum(one.samples for data in minutes.values() for one in unpack_rollups(data, Resolution.MINUTE)),
            sum(one.samples for data in hours.values() for one in unpack_rollups(data, Resolution.HOUR)),
        )

    return await store.database.read(work)


SHORT = StoreSettings(
    commit_interval_s=0,
    reserve_mb=0,
    telemetry=KeepSettings(10, 20, 30),
    state=KeepSettings(0, 0, 0),
    diagnostic=KeepSettings(1, 2, 3),
)


async def test_age_blurs_the_past_by_class(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", SHORT)
    await store.devices.classify("device", [Point(key="mode", category="diagnostic")])
    for name, value in (("temperature", 1.0), ("on", True), ("mode", 5.0)):
        await store.put(name, [(second, value) for second in range(0, 600, 10)])
    await store.packing.pack(at(700))
    # Something newer, so that the old segment is not the last one.
    await store.put("temperature", [(150 * DAY_S, 1.0)])
    await store.packing.pack(at(150 * DAY_S))
    sweep = Retention(store.readings)
    seen: dict[float, Any] = {}
    for day in (0.5, 1.5, 2.5, 3.5, 9, 11, 21, 31):
        await sweep.sweep(at(day * DAY_S))
        seen[day] = [await counts(store, name) for name in ("temperature", "mode")]
    assert seen[0.5] == [(61, 61, 61), (60, 60, 60)]
    assert [seen[day][1] for day in (1.5, 2.5, 3.5)] == [(0, 60, 60), (0, 0, 60), (0, 0, 0)]
    assert [seen[day][0] for day in (9, 11, 21, 31)] == [(61, 61, 61), (1, 61, 61), (1, 1, 61), (1, 1, 1)]
    assert await store.all("on") == [True] * 60, "0 days is for ever"
    store.database.close()


async def test_nothing_is_deleted_by_a_clock_that_is_not_trusted(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", SHORT)
    await store.put("temperature", [(0, 1.0)])
    await store.packing.pack(NOW)
    assert await Retention(store.readings).sweep(at(10_000 * DAY_S, trusted=False)) == 0
    assert await store.all("temperature") == [1.0]
    assert await Retention(store.readings).sweep(at(10_000 * DAY_S)) > 0
    assert await store.all("temperature") == []
    assert len(await store.database.read(read_segments)) == 1, "the newest segment's row stays: it holds the last seq"
    assert await store.put("temperature", [(0, 2.0)]) == 2
    store.database.close()


async def test_a_stamp_from_the_future_is_not_immortal(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", SHORT)
    await store.put("temperature", [(50_000 * DAY_S, 1.0), (0, 2.0)])
    await store.packing.pack(NOW)
    await Retention(store.readings).sweep(at(40 * DAY_S))
    assert await store.all("temperature") == []
    store.database.close()


async def test_occurrences_go_with_states(tmp_path: Path) -> None:
    settings = StoreSettings(commit_interval_s=0, reserve_mb=0, state=KeepSettings(1, 1, 1))
    store = await open_store(tmp_path / "sluis.db", settings)
    rows = [OccurrenceRow(1, at(0), "single"), OccurrenceRow(1, at(2 * DAY_S), "double")]
    await asyncio.wrap_future(store.readings.append(Batch([], rows)))
    await Retention(store.readings).sweep(at(2 * DAY_S))
    left = await store.database.read(lambda c: c.execute("SELECT what FROM occurrences").fetchall())
    assert [what for (what,) in left] == ["double"]
    store.database.close()


async def fill(store: Store, segments: int, rows: int = 20_000) -> None:
    chance = random.Random(1)
    for segment in range(segments):
        base = segment * rows
        await store.put("temperature", [(base + i, chance.random()) for i in range(rows)])
        await store.packing.pack(at(base + rows))


async def test_the_quota_takes_the_oldest_readings_and_gives_room_back(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", StoreSettings(commit_interval_s=0, reserve_mb=0, quota_mb=1.5))
    await fill(store, 12)
    quota = Quota(store.readings)
    assert await quota.used() > quota.limit
    dropped = await quota.enforce()
    assert 0 < dropped < 12
    assert await quota.used() <= quota.limit
    left = await store.history.readings("device", "temperature", *EVERYTHING, 10**9)
    assert left[0].seq == dropped * 20_000 + 1, "the oldest went, the newest stayed"
    assert left[-1].seq == 240_000
    assert quota.dropped[Resolution.RAW] == dropped
    assert quota.dropped_until_us == left[0].at_us - 1_000_000
    hours = await store.history.series("device", "temperature", T0_US, T0_US + 240_000_000_000, 60)
    assert sum(one.count for one in hours) == 240_000, "rollups stay"
    assert await quota.enforce() == 0
    store.database.close()
    assert (tmp_path / "sluis.db").stat().st_size < 1.5e6 + 1.5e6, "the file shrank: quota, spare pages, slack"


async def test_early_records_are_dated_again_wherever_they_are(store: Store) -> None:
    wrong = -(10**8)
    early = [
        Row(store.points["temperature"], Stamp(T0_US + wrong * 1_000_000 + i, at(i).mono_us, False), i, 0)
        for i in range(5)
    ]
    await asyncio.wrap_future(store.readings.append(Batch(early)))
    await store.packing.pack(NOW)
    await asyncio.wrap_future(store.readings.append(Batch(early[:2])))
    await store.put("temperature", [(9, 9)])
    assert await store.readings.redate(at(20)) == 7
    found = await store.history.readings("device", "temperature", *EVERYTHING, 100)
    assert [one.seq for one in found] == list(range(1, 9)), "order and count do not change"
    assert [one.stamp for one in found] == [*(at(i) for i in range(5)), at(0), at(1), at(9)]
    (bucket,) = await store.history.series("device", "temperature", T0_US, T0_US + 60_000_000, 1)
    assert (bucket.count, bucket.max) == (8, 9), "rollups follow"
    assert await store.readings.redate(at(30)) == 0
    assert (await store.readings.latest())[store.points["temperature"]][0] == at(9)


async def test_records_of_another_boot_are_not_dated_by_this_ones_clock(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db")
    await asyncio.wrap_future(store.readings.append(Batch([Row(1, at(0, trusted=False), 1.0, 0)])))
    store.database.close()
    store = await open_store(tmp_path / "sluis.db")
    assert await store.readings.redate(at(99)) == 0
    assert [one.stamp for one in await store.history.readings("device", "temperature", *EVERYTHING, 9)] == [
        at(0, trusted=False)
    ]
    store.database.close()


async def test_a_cut_in_the_middle_of_packing_leaves_each_reading_once(tmp_path: Path) -> None:
    """Blocks are written, the segment is not; and the segment is there, but its rows still are too."""
    store = await open_store(tmp_path / "sluis.db")
    await store.put("temperature", [(i, i) for i in range(100)])
    orphan = (1 << 26 | store.points["temperature"], b"\0garbage")
    await store.database.write(lambda c: c.execute("INSERT INTO blocks VALUES (?, ?)", orphan) and None)
    assert await store.all("temperature") == list(range(100))
    rows = await store.database.read(lambda c: [tuple(r) for r in c.execute("SELECT * FROM readings")])
    await store.packing.pack(NOW)
    marks = ",".join("?" * 8)
    await store.database.write(lambda c: c.executemany(f"INSERT INTO readings VALUES ({marks})", rows) and None)
    store.database.close()
    store = await open_store(tmp_path / "sluis.db")
    assert await store.all("temperature") == list(range(100))
    assert await store.put("temperature", [(100, 100)]) == 101
    await Packing(store.readings).step(NOW)
    assert await store.all("temperature") == list(range(101))
    left = await store.database.read(lambda c: c.execute("SELECT count(*) FROM readings").fetchone()[0])
    assert left <= 1
    store.database.close()


async def test_upkeep_packs_what_is_old(tmp_path: Path) -> None:
    store = await open_store(
        tmp_path / "sluis.db", StoreSettings(commit_interval_s=0, reserve_mb=0, pack_after_s=600, tail_rows=1_000)
    )
    clock = ManualClock(NOW.at_us)
    clock.mono_us = NOW.mono_us
    upkeep = Upkeep(store.readings, clock)
    await store.put("temperature", [(0, 1)])
    await upkeep.look()
    assert store.readings.tail.count == 1
    await clock.advance(601)
    await upkeep.look()
    assert store.readings.tail.count == 0
    await store.put("temperature", [(601, i) for i in range(1_000)])
    await upkeep.look()
    assert store.readings.tail.count == 0
    assert used_bytes
    store.database.close()


async def test_over_budget_the_commits_are_spread(tmp_path: Path) -> None:
    card = CardSettings(size_gb=1, cycles=500, amplification=10, life_years=5, budget_mb_per_day=20)
    store = await open_store(
        tmp_path / "sluis.db", StoreSettings(commit_interval_s=0, reserve_mb=0, card=card, stretch_to_s=2.0)
    )
    if not store.database.writer.meter.measured:
        pytest.skip("this kernel does not count written bytes")
    budget = Budget(store.readings)
    assert budget.report().card_life_years is None
    intervals = []
    for minute in range(8):
        budget.look(Stamp(NOW.at_us, NOW.mono_us + minute * 60_000_000))
        intervals.append(store.database.writer.interval_s)
        for second in range(4):
            await asyncio.gather(store.put("temperature", [(second, 1.0)]), store.devices.classify("device", []))
    assert intervals == sorted(intervals)
    assert intervals[0] == 0
    assert intervals[-1] == 2.0, "20 MB a day is one commit of 8 KB every 35 s; this is 16 times that"
    report = budget.report()
    assert report.stretched
    assert report.budget_bytes_per_day == 20e6
    assert report.total_bytes_per_day > 20e6
    assert report.card_life_years == pytest.approx(1e9 * 500 / 10 / report.total_bytes_per_day / 365.25)
    assert {"readings", "devices"} <= {line.subsystem for line in report.lines}
    assert sum(line.bytes_per_day for line in report.lines) == pytest.approx(report.total_bytes_per_day, rel=0.01)
    for minute in range(8, 40):
        budget.look(Stamp(NOW.at_us, NOW.mono_us + minute * 60_000_000))
    assert store.database.writer.interval_s == 0, "calm again"
    await budget.keep()
    await budget.keep()
    (kept,) = (await budget.days(1)).values()
    assert kept["readings"] > 0
    assert health(store.readings).commit_interval_s == 0
    store.database.close()
