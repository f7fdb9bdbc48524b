"""Deleting what is old enough, and giving the room back.

Each class of points has its own number of days for readings, minutes and hours. Age counts from a segment's newest
reading, and nothing is deleted while the clock is not trusted: a clock that says 2099 must not empty the house. A
coarser resolution is never deleted before a finer one, so the past gets blurred, not holes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial

from sluis.model import Stamp
from sluis.store.database import Database
from sluis.store.readings import Readings
from sluis.store.rollups import Resolution
from sluis.store.segments import Class, Segment, block_range, read_segments
from sluis.store.settings import KeepSettings, StoreSettings

DAY_US = 86_400_000_000

SEGMENTS_AT_ONCE = 20
"""Segments whose blocks are deleted in one transaction; of a large site that is some 20 MB of pages to free."""

OCCURRENCES_AT_ONCE = 5_000

SPARE_PAGES = 256
"""Free pages kept in the file (1 MB) for what comes next; giving back the last ones would cost writing them anew."""

PAGES_AT_ONCE = 500
"""Pages given back in one transaction. Each may move another page, so 500 hold the writer some 10 ms."""


def days_kept(keep: KeepSettings, resolution: Resolution) -> float:
    """Days to keep; 0 for ever. Minutes stay at least as long as readings, hours as minutes."""
    days = 0.0
    for wanted in (keep.raw_days, keep.minute_days, keep.hour_days)[: resolution + 1]:
        if wanted == 0:
            return 0.0
        days = max(days, wanted)
    return days


def keep_by_class(settings: StoreSettings) -> Mapping[Class, KeepSettings]:
    return {Class.TELEMETRY: settings.telemetry, Class.STATE: settings.state, Class.DIAGNOSTIC: settings.diagnostic}


class Retention:
    """Sweeps by age."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._database = readings.database
        self._swept: dict[tuple[Class, Resolution], int] = {}
        """The last segment of which nothing of this class and resolution is left."""

    async def sweep(self, now: Stamp) -> int:
        """Delete what is older than its days; how many blocks went. Does nothing while the clock is not trusted."""
        if not now.trusted:
            return 0
        count = 0
        async with self._readings.rewriting:
            segments = await self._database.read(read_segments)
            for of, keep in keep_by_class(self._database.settings).items():
                for resolution in Resolution:
                    days = days_kept(keep, resolution)
                    if days:
                        count += await self._delete(segments, of, resolution, now.at_us - int(days * DAY_US))
            await self._forget_empty(segments)
        count += await self._old_occurrences(now)
        await give_back(self._database)
        return count

    async def _delete(self, segments: list[Segment], of: Class, resolution: Resolution, before_us: int) -> int:
        swept = self._swept.get((of, resolution), 0)
        ages = _ages(segments, resolution)
        old = [one.id for one in segments if one.id > swept and ages[one.id] < before_us]
        count = 0
        for start in range(0, len(old), SEGMENTS_AT_ONCE):
            some = old[start : start + SEGMENTS_AT_ONCE]
            count += await self._database.write(partial(delete_blocks, resolution, some, (of,)))
        # Only up to the first that stays: ages need not be in order when clocks were wrong.
        stays = next((one.id for one in segments if one.id > swept and one.id not in set(old)), None)
        self._swept[(of, resolution)] = max([swept, *(i for i in old if stays is None or i < stays)])
        return count

    async def _forget_empty(self, segments: list[Segment]) -> None:
        """Segments of which nothing is left, except the newest: it holds the last packed sequence number."""
        swept = min((self._swept.get((of, one), 0) for of in Class for one in Resolution), default=0)
        empty = [(one.id,) for one in segments[:-1] if one.id <= swept]
        if empty:
            await self._database.write(lambda c: c.executemany("DELETE FROM segments WHERE id = ?", empty))

    async def _old_occurrences(self, now: Stamp) -> int:
        days = days_kept(self._database.settings.state, Resolution.RAW)
        before_us = now.at_us - int(days * DAY_US)
        if not days:
            return 0
        return await self._database.write(
            lambda c: (
                c.execute(
                    "DELETE FROM occurrences WHERE id IN (SELECT id FROM occurrences WHERE at_us < ? LIMIT ?)",
                    (before_us, OCCURRENCES_AT_ONCE),
                ).rowcount
            )
        )


def _ages(segments: list[Segment], resolution: Resolution) -> dict[int, int]:
    """When each segment's age begins. Hours that lie together in one block have the age of the youngest."""
    if resolution is not Resolution.HOUR:
        return {one.id: one.age_from_us for one in segments}
    youngest: dict[int, int] = {}
    for one in segments:
        youngest[one.hours] = max(youngest.get(one.hours, one.age_from_us), one.age_from_us)
    return {one.id: youngest[one.hours] for one in segments}


def delete_blocks(
    resolution: Resolution, segments: list[int], classes: tuple[Class, ...], connection: sqlite3.Connection
) -> int:
    """Delete these blocks; how many went."""
    count = 0
    for segment in segments:
        for of in classes:
            span = block_range(resolution, segment, of)
            count += connection.execute("DELETE FROM blocks WHERE id BETWEEN ? AND ?", span).rowcount
    return count


async def give_back(database: Database) -> int:
    """Free pages back to the file system, in small steps; how many."""
    given = 0
    while True:
        free = await database.read(_free_pages)
        if free <= SPARE_PAGES:
            return given
        step = min(PAGES_AT_ONCE, free - SPARE_PAGES)
        await database.write(partial(_vacuum, step))
        if await database.read(_free_pages) >= free:  # a file from before incremental vacuum
            return given
        given += step


def _vacuum(pages: int, connection: sqlite3.Connection) -> None:
    # Python steps a statement without columns once, and this one frees a page at each step.
    for _ in range(pages):
        connection.execute("PRAGMA incremental_vacuum(1)")


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
