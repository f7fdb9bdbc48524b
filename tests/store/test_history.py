"""History: readings and series are the same before, during and after packing."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluis.store.history import Bucket, grid
from sluis.store.merging import AT_ONCE
from sluis.store.retention import Retention, delete_blocks
from sluis.store.rollups import Resolution
from sluis.store.segments import Class, fetch_blocks, read_segments
from sluis.store.settings import KeepSettings, StoreSettings

from .conftest import NOW, T0_US, Store, at, open_store

HOUR_S = 3600


def brute(rows: list[tuple[float, float]], start_us: int, end_us: int, buckets: int) -> list[Bucket]:
    """The series of (second, value) pairs in order of arrival, by the plainest means."""
    spans = grid(start_us, end_us, buckets)
    found: dict[int, list[float]] = {}
    for second, value in rows:
        at_us = T0_US + int(second * 1e6)
        if spans.first_us <= at_us < spans.end_us:
            found.setdefault(spans.start_of(at_us), []).append(value)
    return [
        Bucket(start, min(of), pytest.approx(sum(of) / len(of)), max(of), of[-1], len(of))
        for start, of in sorted(found.items())
    ]


def whole(start_us: int, end_us: int, buckets: int) -> tuple[int, int]:
    """The end moved up to a whole span of the resolution that will be used: the promise holds for whole spans."""
    span = grid(start_us, end_us, buckets).resolution.span_us
    return start_us, -(-end_us // span) * span


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 30 * HOUR_S), st.integers(-50, 50).map(lambda n: n / 2)), min_size=1, max_size=60
)
STEPS = st.lists(st.one_of(ARRIVALS, st.just("pack"), st.just("reopen")), min_size=1, max_size=7)
RANGES = st.lists(
    st.tuples(st.integers(0, 30 * HOUR_S), st.integers(1, 30 * HOUR_S), st.integers(1, 400)), min_size=1, max_size=4
)


def time_ordered(steps: list[Any]) -> list[Any]:
    seconds = iter(sorted(second for step in steps if isinstance(step, list) for second, _ in step))
    return [[(next(seconds), value) for _, value in step] if isinstance(step, list) else step for step in steps]


@given(STEPS, RANGES, st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_packing_and_reopening_change_nothing(
    steps: list[Any], ranges: list[tuple[int, int, int]], in_order: bool
) -> None:
    async def scenario(folder: Path) -> None:
        store = await open_store(folder / "sluis.db")
        rows: list[tuple[float, float]] = []
        for step in steps:
            if step == "pack":
                await store.packing.pack(NOW)
            elif step == "reopen":
                store.database.close()
                store = await open_store(folder / "sluis.db")
            else:
                await store.put("temperature", step)
                rows += step
        assert await store.all("temperature") == [value for _, value in rows]
        for start, length, buckets in ranges:
            first, last = whole(T0_US + start * 1_000_000, T0_US + (start + length) * 1_000_000, buckets)
            found = await store.history.series("device", "temperature", first, last, buckets)
            expected = brute(rows, first, last, buckets)
            if rows != sorted(rows, key=lambda row: row[0]):  # then "last" goes by minutes, not by arrival
                expected, found = [replace(one, last=0) for one in expected], [replace(one, last=0) for one in found]
            assert found == expected
            assert len(found) <= buckets
        store.database.close()

    if in_order:
        steps = time_ordered(steps)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


@pytest.mark.parametrize(("length_s", "buckets", "resolution"), [
    (HOUR_S, 300, Resolution.RAW),
    (24 * HOUR_S, 300, Resolution.MINUTE),
    (30 * 24 * HOUR_S, 300, Resolution.HOUR),
    (60, 1, Resolution.MINUTE),
])  # fmt: skip
def test_the_coarsest_rollup_that_fits(length_s: int, buckets: int, resolution: Resolution) -> None:
    spans = grid(T0_US + 17, T0_US + 17 + length_s * 1_000_000, buckets)
    assert spans.resolution is resolution
    assert spans.first_us <= T0_US + 17
    assert spans.width_us % resolution.span_us == 0
    assert -(-(spans.end_us - spans.first_us) // spans.width_us) <= buckets


async def test_types_and_words(store: Store) -> None:
    await store.put("on", [(0, True), (1, False), (2, True)])
    await store.put("mode", [(0, "heat"), (1, "off"), (2, "heat")])
    await store.put("temperature", [(0, 21), (1, 21.5)])
    for _ in range(2):
        assert [type(value) for value in await store.all("on")] == [bool] * 3
        assert [type(value) for value in await store.all("temperature")] == [int, float]
        (on,) = await store.history.series("device", "on", T0_US, T0_US + 10**9, 1)
        assert (on.min, on.max, on.count, on.last) == (0, 1, 3, 1)
        assert on.mean == pytest.approx(2 / 3)
        assert await store.history.series("device", "mode", T0_US, T0_US + 10**9, 1) == []
        (mode,) = await store.history.shares("device", "mode", T0_US, T0_US + 10**9, 1)
        assert (mode.counts, mode.last) == ({"heat": 2, "off": 1}, "heat")
        stamp, value, quality = await store.history.latest("device", "on") or pytest.fail("no latest")
        assert (stamp, value, quality) == (at(2), True, 0)
        await store.packing.pack(NOW)


async def test_paging_crosses_the_seam(store: Store) -> None:
    await store.put("temperature", [(second, float(second)) for second in range(10)])
    await store.packing.pack(NOW)
    await store.put("temperature", [(second, float(second)) for second in range(10, 20)])
    seen: list[float] = []
    after: int | None = None
    while page := await store.history.readings("device", "temperature", T0_US, T0_US + 10**9, 3, after):
        seen += [float(one.value) for one in page]
        after = page[-1].seq
    assert seen == [float(second) for second in range(20)]


async def test_equal_stamps_are_not_merged(store: Store) -> None:
    await store.put("temperature", [(5, 20.0), (5, 20.0), (5, 20.0)])
    await store.packing.pack(NOW)
    await store.put("temperature", [(5, 20.0)])
    assert await store.all("temperature") == [20.0] * 4


async def test_bad_readings_are_kept_but_count_nowhere(store: Store) -> None:
    await store.put("temperature", [(0, -127.0)], quality=2)
    await store.put("temperature", [(1, 20.0)])
    await store.packing.pack(NOW)
    assert await store.all("temperature") == [-127.0, 20.0]
    (bucket,) = await store.history.series("device", "temperature", T0_US, T0_US + 10**9, 1)
    assert (bucket.min, bucket.count) == (20.0, 1)


async def test_unknown_points_have_no_past(store: Store) -> None:
    assert await store.history.series("device", "none", 0, 2**62, 10) == []
    assert await store.history.readings("none", "temperature", 0, 2**62, 10) == []
    assert await store.history.latest("device", "temperature") is None


async def test_queries_while_packing_see_each_reading_once(store: Store) -> None:
    await store.put("temperature", [(second, float(second)) for second in range(5_000)])
    for name in ("on", "mode"):
        await store.put(name, [(second, "x") for second in range(5_000)])
    packing = asyncio.ensure_future(store.packing.pack(NOW))
    looks = 0
    while not packing.done():
        assert await store.all("temperature") == [float(second) for second in range(5_000)]
        looks += 1
    assert looks
    assert await packing == 15_000


async def test_minutes_stand_in_for_deleted_readings(store: Store) -> None:
    await store.put("temperature", [(second, float(second)) for second in range(600)])
    await store.packing.pack(NOW)
    await store.database.write(lambda c: delete_blocks(Resolution.RAW, [1], tuple(Class), c))
    found = await store.history.series("device", "temperature", T0_US, T0_US + 600_000_000, 300)
    assert [one.count for one in found] == [60] * 10
    assert KeepSettings().minute_days > KeepSettings().raw_days


async def test_hours_of_many_segments_lie_together(store: Store) -> None:
    """Thirty segments of twenty minutes: a chart says the same before and after, from few blocks."""
    rows: list[tuple[float, float]] = []
    before: list[Bucket] = []
    for part in range(AT_ONCE + 6):
        more = [(part * 1200 + second, float(part + second)) for second in range(0, 1200, 100)]
        rows += more
        await store.put("temperature", more)
        if part == AT_ONCE:
            before = await store.history.series("device", "temperature", T0_US, T0_US + 8 * 3600 * 10**6, 3)
        await store.packing.pack(at(part * 1200))
    ids = [one.id for one in await store.database.read(read_segments)]
    blocks = await store.database.read(lambda c: fetch_blocks(c, Resolution.HOUR, store.points["temperature"], ids))
    assert sorted(blocks) == [1, *range(AT_ONCE + 1, AT_ONCE + 7)]
    end = T0_US + 10 * 3600 * 10**6
    found = await store.history.series("device", "temperature", T0_US, end, 5)
    assert found == brute(rows, T0_US, end, 5)
    assert before == brute(rows[: (AT_ONCE + 1) * 12], T0_US, T0_US + 8 * 3600 * 10**6, 3)


async def test_merged_hours_are_as_old_as_the_youngest(tmp_path: Path) -> None:
    settings_ = StoreSettings(commit_interval_s=0, reserve_mb=0, telemetry=KeepSettings(1, 1, 1))
    store = await open_store(tmp_path / "sluis.db", settings_)
    for part in range(AT_ONCE + 2):
        await store.put("temperature", [(part * HOUR_S, float(part))])
        await store.packing.pack(at(part * HOUR_S))
    first = await store.history.series("device", "temperature", T0_US, T0_US + 2 * HOUR_S * 10**6, 3)
    sweep = Retention(store.readings)
    await sweep.sweep(at(40 * HOUR_S))
    assert await store.history.series("device", "temperature", T0_US, T0_US + 2 * HOUR_S * 10**6, 3) == first
    await sweep.sweep(at((24 + AT_ONCE) * HOUR_S))
    assert await store.history.series("device", "temperature", T0_US, T0_US + 2 * HOUR_S * 10**6, 3) == []
    store.database.close()
