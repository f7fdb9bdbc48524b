"""Segments of the log, and where their blocks lie.

When the log's tail is packed, a stretch of it becomes a segment: for each point one block of raw readings, one of
minutes and one of hours. A block's id is made of (resolution, segment, class, point), so packing appends to three
places of one B-tree, a point's block in a segment is found without any index, and what retention deletes (one class
in one segment at one resolution) lies together and frees whole pages. A segment exists when its row does: blocks are
written first, the row makes them visible and hides the rows of the log up to `last_seq`, all at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sluis.store.rollups import Resolution

POINT_BITS, CLASS_BITS, SEGMENT_BITS = 24, 2, 32


class Class(IntEnum):
    """What a point is for retention."""

    TELEMETRY = 0
    STATE = 1
    DIAGNOSTIC = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the log, packed. Both seqs and times are inclusive."""

    id: int
    first_seq: int
    last_seq: int
    start_us: int
    end_us: int
    count: int
    packed_at_us: int
    hours: int
    untrusted_boot: int | None = None

    @property
    def age_from_us(self) -> int:
        """The time its age counts from: its newest reading, but a clock that ran ahead cannot make it immortal."""
        return min(self.end_us, self.packed_at_us)


def block_id(resolution: Resolution, segment: int, of: Class, point: int) -> int:
    return (((int(resolution) << SEGMENT_BITS | segment) << CLASS_BITS | int(of)) << POINT_BITS) | point


def block_range(resolution: Resolution, segment: int, of: Class) -> tuple[int, int]:
    """First and last id of a class in a segment at a resolution."""
    first = block_id(resolution, segment, of, 0)
    return first, first + (1 << POINT_BITS) - 1


def segment_of(identifier: int) -> int:
    return identifier >> (POINT_BITS + CLASS_BITS) & ((1 << SEGMENT_BITS) - 1)


def point_of(identifier: int) -> int:
    return identifier & ((1 << POINT_BITS) - 1)


def class_of(identifier: int) -> Class:
    return Class(identifier >> POINT_BITS & ((1 << CLASS_BITS) - 1))


def read_segments(connection: sqlite3.Connection, where: str = "", values: Sequence[object] = ()) -> list[Segment]:
    """Segments in order of the log."""
    rows = connection.execute(f"SELECT * FROM segments {where} ORDER BY id", tuple(values))  # noqa: S608  (own text)
    return [Segment(*row) for row in rows]


def overlapping(connection: sqlite3.Connection, start_us: int, end_us: int) -> list[Segment]:
    """Segments that hold a reading of [start_us, end_us), or may do so."""
    return read_segments(connection, "WHERE end_us >= ? AND start_us < ?", (start_us, end_us))


def packed_seq(connection: sqlite3.Connection) -> int:
    """The last sequence number that lies in a segment; rows of the log up to here do not count any more."""
    return int(connection.execute("SELECT coalesce(max(last_seq), 0) FROM segments").fetchone()[0])


def fetch_blocks(
    connection: sqlite3.Connection, resolution: Resolution, point: int, segments: Iterable[int]
) -> dict[int, bytes]:
    """A point's blocks in those of these segments that have one, by segment, in order."""
    ids = sorted(block_id(resolution, segment, of, point) for segment in set(segments) for of in Class)
    rows = connection.execute(
        "SELECT id, data FROM blocks WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (json.dumps(ids),)
    )
    return {segment_of(identifier): data for identifier, data in rows}


def segment_blocks(
    connection: sqlite3.Connection, resolution: Resolution, segment: int, limit: int = -1
) -> list[tuple[int, bytes]]:
    """All (or some) blocks of a segment at a resolution: (id, data)."""
    first = block_range(resolution, segment, Class(0))[0]
    last = block_range(resolution, segment, Class.DIAGNOSTIC)[1]
    rows = connection.execute(
        "SELECT id, data FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (first, last, limit)
    )
    return [(identifier, data) for identifier, data in rows]


def write_blocks(connection: sqlite3.Connection, blocks: Sequence[tuple[int, bytes]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO blocks (id, data) VALUES (?, ?)", blocks)


def write_segment(connection: sqlite3.Connection, one: Segment) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id,
            one.first_seq,
            one.last_seq,
            one.start_us,
            one.end_us,
            one.count,
            one.packed_at_us,
            one.hours,
            one.untrusted_boot,
        ),
    )
