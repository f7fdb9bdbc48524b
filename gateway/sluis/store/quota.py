"""The database stays below its quota: oldest readings go first, then oldest minutes, hours last."""

from __future__ import annotations

import logging
import sqlite3
from functools import partial

from sluis.store.readings import Readings
from sluis.store.retention import delete_blocks, give_back
from sluis.store.rollups import Resolution
from sluis.store.segments import Class, Segment, read_segments, segment_blocks

log = logging.getLogger(__name__)

LOW_WATER = 0.95
"""Deleting stops at this part of the quota. Nearer to 1 and every packing deletes again; lower and more is lost
than must be."""


class Quota:
    """Enforces `store.quota_mb`, and remembers what that cost."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._database = readings.database
        self.limit = int(readings.database.settings.quota_mb * 1e6)
        self.dropped: dict[Resolution, int] = dict.fromkeys(Resolution, 0)
        """Segments that lost this resolution to the quota since the start."""
        self.dropped_until_us = 0
        """Raw readings before this time are gone because of the quota."""

    async def used(self) -> int:
        """Bytes of the database that hold something."""
        return await self._database.read(used_bytes)

    async def enforce(self) -> int:
        """Delete until it fits; how many segments lost something."""
        if not self.limit or await self.used() <= self.limit:
            return 0
        count = 0
        async with self._readings.rewriting:
            segments = await self._database.read(read_segments)
            for resolution in Resolution:
                for segment in segments:
                    if await self.used() <= self.limit * LOW_WATER:
                        break
                    count += await self._drop(segment, resolution)
        if count:
            log.warning("the store reached its quota: the oldest readings of %d segments were deleted", count)
        await give_back(self._database)
        return count

    async def _drop(self, segment: Segment, resolution: Resolution) -> bool:
        if not await self._database.read(lambda c: segment_blocks(c, resolution, segment.id, limit=1)):
            return False
        await self._database.write(partial(delete_blocks, resolution, [segment.id], tuple(Class)))
        self.dropped[resolution] += 1
        if resolution is Resolution.RAW:
            self.dropped_until_us = max(self.dropped_until_us, segment.end_us)
        return True


def used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
