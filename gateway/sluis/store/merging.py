"""Putting the hours of many segments together, so that a chart over months reads one block per point and some days.

The merged blocks lie under the id of the first segment; `Segment.hours` of all of them says so. Replacing the small
blocks by the merged ones is one transaction, so nothing is ever counted twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from sluis.store.database import Database
from sluis.store.rollups import Resolution, merged, pack_rollups, unpack_rollups
from sluis.store.segments import (
    Class,
    Segment,
    block_id,
    block_range,
    class_of,
    point_of,
    read_segments,
    segment_blocks,
    write_blocks,
)

AT_ONCE = 24
"""Segments put together: two days of a quiet site. More and a chart waits longer for the first merge; fewer and it
reads more blocks ever after."""

POINTS_AT_ONCE = 64

Key = tuple[int, int]
"""(class, point)"""


async def merge_hours(database: Database) -> bool:
    """Put the oldest unmerged hours together when there are enough; whether there were. Call it with
    `Readings.rewriting` held."""
    run = _ripe(await database.read(read_segments))
    if not run:
        return False
    first, last = run[0].id, run[-1].id
    keys = await database.read(lambda c: _keys(c, run))
    blocks: list[tuple[int, bytes]] = []
    for start in range(0, len(keys), POINTS_AT_ONCE):
        some = keys[start : start + POINTS_AT_ONCE]
        blocks += await database.read(partial(_merge_some, run, some))

    def work(connection: sqlite3.Connection) -> None:
        begin = block_range(Resolution.HOUR, first, Class(0))[0]
        span = (begin, block_range(Resolution.HOUR, last, Class.DIAGNOSTIC)[1])
        connection.execute("DELETE FROM blocks WHERE id BETWEEN ? AND ?", span)
        write_blocks(connection, blocks)
        connection.execute("UPDATE segments SET hours = ? WHERE id BETWEEN ? AND ?", (first, first, last))

    await database.write(work)
    return True


def _ripe(segments: Sequence[Segment]) -> list[Segment]:
    """The first `AT_ONCE` segments in a row that stand alone and will not be dated again; [] when there are not
    enough. The newest stays out: it may hold the readings of a clock that is not right yet."""
    homes = {one.hours for one in segments if one.hours != one.id}
    run: list[Segment] = []
    for one in segments[:-1]:
        alone = one.hours == one.id and one.untrusted_boot is None and one.id not in homes
        run = [*run, one] if alone else []
        if len(run) == AT_ONCE:
            return run
    return []


def _keys(connection: sqlite3.Connection, run: Sequence[Segment]) -> list[Key]:
    found: set[Key] = set()
    for segment in run:
        ids = [identifier for identifier, _ in segment_blocks(connection, Resolution.HOUR, segment.id)]
        found.update((int(class_of(identifier)), point_of(identifier)) for identifier in ids)
    return sorted(found)


def _merge_some(run: Sequence[Segment], keys: Sequence[Key], connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
    return [_merged(connection, run, key) for key in keys]


def _merged(connection: sqlite3.Connection, run: Sequence[Segment], key: Key) -> tuple[int, bytes]:
    of, point = Class(key[0]), key[1]
    ids = [block_id(Resolution.HOUR, segment.id, of, point) for segment in run]
    marks = ",".join("?" * len(ids))
    rows = connection.execute(f"SELECT data FROM blocks WHERE id IN ({marks}) ORDER BY id", ids)  # noqa: S608
    rolled = [one for (data,) in rows for one in unpack_rollups(data, Resolution.HOUR)]
    return ids[0], pack_rollups(merged(rolled), Resolution.HOUR)
