"""Moving the log's tail into compressed blocks and rollups.

Packing goes in small steps, so that neither the writer nor the event loop is held for long: a point is read and
encoded in a reader thread, some points' blocks are written at a time, and only the last step, one small
transaction, makes the segment visible. A power cut before it leaves blocks that belong to no segment (removed when
packing begins again), after it rows of the log that do not count any more (removed likewise). Either way every reading
is there exactly once.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from sluis.model import Stamp
from sluis.store.history import tail_records
from sluis.store.merging import merge_hours
from sluis.store.readings import Readings
from sluis.store.records import BOOL, UNTRUSTED, Record, pack_block
from sluis.store.rollups import Resolution, pack_rollups, roll
from sluis.store.segments import (
    Class,
    Segment,
    block_id,
    block_range,
    packed_seq,
    read_segments,
    write_blocks,
    write_segment,
)

log = logging.getLogger(__name__)

POINTS_AT_ONCE = 32
"""Points encoded and written in one step. At some 2 ms a point a reader thread works 60 ms between pauses."""

ROWS_AT_ONCE = 20_000
"""Rows of the log deleted in one transaction: some 20 ms, so that no acknowledgement waits longer."""


@dataclass(slots=True)
class _Draft:
    """A segment in the making."""

    id: int
    last_seq: int
    first_seq: int = 2**62
    start_us: int = 2**62
    end_us: int = -(2**62)
    count: int = 0
    untrusted_boot: int | None = None
    newest: list[tuple[int, Record]] = field(default_factory=list)

    def add(self, point: int, records: Sequence[Record]) -> None:
        self.first_seq = min(self.first_seq, records[0].seq)
        self.start_us = min(self.start_us, *(one.at_us for one in records))
        self.end_us = max(self.end_us, *(one.at_us for one in records))
        self.count += len(records)
        untrusted = [one.boot for one in records if one.flags & UNTRUSTED]
        if untrusted:
            self.untrusted_boot = max(self.untrusted_boot or 0, *untrusted)
        self.newest.append((point, records[-1]))


class Packing:
    """Packs when the tail is old or long enough. One at a time."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._database = readings.database
        self._settings = readings.database.settings
        self._clean = False

    async def step(self, now: Stamp) -> int:
        """Pack if it is time; how many readings went into blocks."""
        if not self._clean:
            await self._tidy()
        if not await self._due(now):
            return 0
        return await self.pack(now)

    async def pack(self, now: Stamp) -> int:
        """Pack everything that is in the tail now."""
        tail = self._readings.tail
        async with self._readings.rewriting:
            last_seq = tail.last_seq
            known = await self._database.read(read_segments)
            if not tail.count or last_seq <= (known[-1].last_seq if known else 0):
                return 0
            draft = _Draft(known[-1].id + 1 if known else 1, last_seq)
            classes = await self._database.read(_classes)
            points = tail.points()
            for start in range(0, len(points), POINTS_AT_ONCE):
                await self._encode(draft, points[start : start + POINTS_AT_ONCE], classes)
            await self._publish(draft, now)
            await merge_hours(self._database)
        await self._delete_rows(last_seq)
        log.info("packed %d readings of %d points", draft.count, len(draft.newest))
        return draft.count

    async def _due(self, now: Stamp) -> bool:
        tail = self._readings.tail
        if tail.count >= self._settings.tail_rows:
            return True
        if not tail.count:
            return False
        oldest = await self._database.read(_oldest)
        if oldest is None:
            return False
        boot, mono_us = oldest
        return boot != self._readings.boot or now.mono_us - mono_us >= self._settings.pack_after_s * 1e6

    async def _encode(self, draft: _Draft, points: Sequence[int], classes: dict[int, int]) -> None:
        tail = self._readings.tail

        def work(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            blocks: list[tuple[int, bytes]] = []
            for point in points:
                records = tail_records(connection, [seq for seq in tail.seqs(point) if seq <= draft.last_seq])
                if records:
                    draft.add(point, records)
                    blocks += encode(draft.id, point, classes.get(point), records)
            return blocks

        blocks = await self._database.read(work)
        await self._database.write(lambda c: write_blocks(c, blocks))

    async def _publish(self, draft: _Draft, now: Stamp) -> None:
        made = Segment(
            draft.id,
            draft.first_seq,
            draft.last_seq,
            draft.start_us,
            draft.end_us,
            draft.count,
            now.at_us,
            draft.id,
            draft.untrusted_boot,
        )

        def work(connection: sqlite3.Connection) -> None:
            write_segment(connection, made)
            connection.executemany(
                "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?, ?)",
                [_latest_row(point, one) for point, one in draft.newest],
            )

        await self._database.write(work)
        self._readings.tail.trim(draft.last_seq)

    async def _delete_rows(self, last_seq: int) -> None:
        while await self._database.write(lambda c: _delete_some(c, last_seq)):
            pass

    async def _tidy(self) -> None:
        """Remove what a power cut in the middle of packing left."""
        known = await self._database.read(read_segments)
        newest = known[-1].id if known else 0
        await self._database.write(lambda c: _remove_orphans(c, newest))
        await self._delete_rows(await self._database.read(packed_seq))
        self._clean = True


def encode(segment: int, point: int, of: int | None, records: Sequence[Record]) -> list[tuple[int, bytes]]:
    """A point's blocks: raw, minutes, hours. A point without a class gets one by what it says."""
    said = Class(of) if of is not None else class_by_value(records)
    blocks = [(block_id(Resolution.RAW, segment, said, point), pack_block(records))]
    minutes = roll(records, Resolution.MINUTE)
    if minutes:
        blocks.append((block_id(Resolution.MINUTE, segment, said, point), pack_rollups(minutes, Resolution.MINUTE)))
        hours = roll(records, Resolution.HOUR)
        blocks.append((block_id(Resolution.HOUR, segment, said, point), pack_rollups(hours, Resolution.HOUR)))
    return blocks


def class_by_value(records: Sequence[Record]) -> Class:
    """Numbers are telemetry; switches and texts are states."""
    return Class.STATE if isinstance(records[-1].value, (bool, str)) else Class.TELEMETRY


def _classes(connection: sqlite3.Connection) -> dict[int, int]:
    rows = connection.execute("SELECT id, class FROM points WHERE class IS NOT NULL").fetchall()
    return dict(rows)


def _oldest(connection: sqlite3.Connection) -> tuple[int, int] | None:
    row = connection.execute(
        "SELECT boot, mono_us FROM readings WHERE seq > ? ORDER BY seq LIMIT 1", (packed_seq(connection),)
    ).fetchone()
    return (row[0], row[1]) if row else None


def _latest_row(point: int, one: Record) -> tuple[object, ...]:
    flags = one.flags | BOOL if isinstance(one.value, bool) else one.flags
    return (point, one.seq, one.at_us, one.mono_us, flags, one.value)


def _delete_some(connection: sqlite3.Connection, last_seq: int) -> int:
    first = connection.execute("SELECT min(seq) FROM readings").fetchone()[0]
    if first is None or first > last_seq:
        return 0
    upto = min(last_seq, first + ROWS_AT_ONCE - 1)
    return connection.execute("DELETE FROM readings WHERE seq <= ?", (upto,)).rowcount


def _remove_orphans(connection: sqlite3.Connection, newest: int) -> None:
    for resolution in Resolution:
        first = block_range(resolution, newest + 1, Class(0))[0]
        last = block_id(Resolution(resolution), 0, Class(0), 0) + (1 << 58) - 1
        connection.execute("DELETE FROM blocks WHERE id BETWEEN ? AND ?", (first, last))
