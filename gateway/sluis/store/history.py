"""A point's past: readings, and series of buckets for charts.

Where a reading lies. Newer ones are rows of the log's tail, found by the in-memory `Tail`; older ones are in blocks
(`sluis.store.segments`). The seam is one number, the last packed `seq`, read in the same snapshot as everything else:
rows up to it do not count, blocks beyond it do not exist yet. So while readings are being packed a query sees each of
them exactly once.

A series is made from the coarsest rollup that still fits its buckets: hours for a month, minutes for a day, readings
for an hour. Bucket edges are multiples of that rollup's span, so every minute lies in one bucket as a whole and the
result equals what one would compute from the readings. Where raw readings have been deleted already, minutes stand
in, and hours for those.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sluis.model import Stamp, Value
from sluis.store.readings import Readings
from sluis.store.records import ROW, Record, from_row, unpack_block
from sluis.store.rollups import Resolution, Rolled, roll, unpack_rollups
from sluis.store.segments import Segment, fetch_blocks, overlapping, packed_seq, read_segments

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bucket:
    """The numbers of one span of time, in the point's unit; switches count as 0 and 1."""

    at_us: int
    """Where the span begins."""
    min: float
    mean: float
    max: float
    last: float
    """The last to arrive of the last minute (or hour) in it."""
    count: int


@dataclass(frozen=True, slots=True)
class Share:
    """The words of one span of time: how often each was said."""

    at_us: int
    counts: dict[str, int]
    last: Value


@dataclass(frozen=True, slots=True)
class Grid:
    """Spans of `width_us` from `first_us` on."""

    first_us: int
    end_us: int
    width_us: int
    resolution: Resolution

    def start_of(self, at_us: int) -> int:
        return self.first_us + (at_us - self.first_us) // self.width_us * self.width_us


def grid(start_us: int, end_us: int, buckets: int) -> Grid:
    """At most `buckets` spans over [start_us, end_us), with edges that stay where they are when the range moves on."""
    length = max(1, end_us - start_us)
    rough = -(-length // max(1, buckets - 1))
    fitting = [one for one in Resolution if one.span_us <= rough]
    resolution = fitting[-1]
    span = resolution.span_us
    width = -(-rough // span) * span
    if buckets <= 1:
        first = start_us // span * span
        return Grid(first, end_us, -(-(end_us - first) // span) * span or span, resolution)
    return Grid(start_us // width * width, end_us, width, resolution)


class History:
    """Reads only; several queries run at once."""

    def __init__(self, readings: Readings) -> None:
        self._database = readings.database
        self._tail = readings.tail

    async def series(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> list[Bucket]:
        """The numbers of [start_us, end_us) in at most `buckets` spans; spans without any are left out. The first span
        may begin before `start_us`. Empty for a point that says words, and for one that is not known."""
        return [_bucket(one) for one in await self._rolled(device, point, start_us, end_us, buckets) if one.numbers]

    async def shares(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> list[Share]:
        """The same for the words of a choice or text."""
        found = await self._rolled(device, point, start_us, end_us, buckets)
        return [Share(one.start_us, dict(one.words), one.last) for one in found if one.words]

    async def readings(
        self, device: str, point: str, start_us: int, end_us: int, limit: int, after: int | None = None
    ) -> list[Record]:
        """Readings of [start_us, end_us) as stored, in order of arrival, from after sequence number `after` on."""

        def work(connection: sqlite3.Connection, point_id: int, seqs: list[int]) -> list[Record]:
            wanted: list[Record] = []
            for record in _raw(connection, point_id, seqs, start_us, end_us, after or 0):
                wanted.append(record)
                if len(wanted) >= limit:
                    break
            return wanted

        return await self._ask(device, point, work) or []

    async def latest(self, device: str, point: str) -> tuple[Stamp, Value, int] | None:
        """(stamp, value, quality) of the newest reading."""

        def work(connection: sqlite3.Connection, point_id: int, seqs: list[int]) -> Record | None:
            row = None
            if seqs:
                row = connection.execute(f"SELECT {ROW} FROM readings WHERE seq = ?", (seqs[-1],)).fetchone()  # noqa: S608
            if row is None:
                row = connection.execute(
                    "SELECT seq, at_us, mono_us, 0, flags, value, NULL FROM latest WHERE point = ?", (point_id,)
                ).fetchone()
            return from_row(row) if row else None

        found = await self._ask(device, point, work)
        return (found.stamp, found.value, found.quality) if found else None

    async def _rolled(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> list[Rolled]:
        if end_us <= start_us or buckets < 1:
            return []
        spans = grid(start_us, end_us, buckets)
        return await self._ask(device, point, lambda c, i, seqs: _series(c, i, seqs, spans)) or []

    async def _ask(self, device: str, point: str, work: Callable[[sqlite3.Connection, int, list[int]], T]) -> T | None:
        """Run `work` with the point's id and its rows in the tail, in one snapshot. None for an unknown point."""
        tail = self._tail

        def read(connection: sqlite3.Connection) -> T | None:
            row = connection.execute(
                "SELECT points.id FROM points JOIN devices ON devices.id = device_id"
                " WHERE devices.key = ? AND points.key = ?",
                (device, point),
            ).fetchone()
            if row is None:
                return None
            seqs = tail.seqs(row[0])  # before the snapshot: see Tail.seqs
            connection.execute("BEGIN")
            try:
                return work(connection, row[0], seqs)
            finally:
                connection.execute("ROLLBACK")

        return await self._database.read(read)


def _bucket(one: Rolled) -> Bucket:
    assert one.least is not None
    assert one.total is not None
    assert one.most is not None
    last = one.most if isinstance(one.last, str) else one.last
    return Bucket(one.start_us, float(one.least), one.total / one.numbers, float(one.most), float(last), one.numbers)


def _series(connection: sqlite3.Connection, point: int, seqs: list[int], spans: Grid) -> list[Rolled]:
    """Rollups over `spans`, in order of time."""
    segments = overlapping(connection, spans.first_us, spans.end_us)
    found: dict[int, Rolled] = {}
    for one in _pieces(connection, point, segments, spans):
        _merge(found, one, spans)
    for one in _alone(_tail_rows(connection, point, seqs), spans):
        _merge(found, one, spans)
    return [found[start] for start in sorted(found)]


def _pieces(connection: sqlite3.Connection, point: int, segments: list[Segment], spans: Grid) -> Iterator[Rolled]:
    """What the segments hold of the point, from the wished resolution or the next coarser that is kept, in order."""
    missing = segments
    pieces: list[tuple[int, Iterable[Rolled]]] = []
    for resolution in list(Resolution)[spans.resolution :]:
        homes = {(one.hours if resolution is Resolution.HOUR else one.id): one for one in missing}
        blocks = fetch_blocks(connection, resolution, point, homes)
        pieces += [(home, _unpacked(blocks[home], resolution, spans)) for home in blocks]
        missing = [one for home, one in homes.items() if home not in blocks]
    pieces.sort(key=lambda piece: piece[0])
    for _, rolled in pieces:
        yield from rolled


def _unpacked(data: bytes, resolution: Resolution, spans: Grid) -> Iterable[Rolled]:
    if resolution is Resolution.RAW:
        return _alone(unpack_block(data), spans)
    return unpack_rollups(data, resolution)


def _alone(records: Iterable[Record], spans: Grid) -> list[Rolled]:
    wanted = [one for one in records if spans.first_us <= one.at_us < spans.end_us]
    return roll(wanted, spans.resolution) if spans.resolution is not Resolution.RAW else _each(wanted)


def _each(records: Iterable[Record]) -> list[Rolled]:
    return [rolled for one in records for rolled in roll((one,), Resolution.RAW)]


def _merge(found: dict[int, Rolled], one: Rolled, spans: Grid) -> None:
    if not spans.first_us <= one.start_us < spans.end_us:
        return
    start = spans.start_of(one.start_us)
    one = one._replace(start_us=start)
    held = found.get(start)
    found[start] = held.and_then(one) if held else one


def _raw(
    connection: sqlite3.Connection, point: int, seqs: list[int], start_us: int, end_us: int, after: int
) -> Iterator[Record]:
    for segment in overlapping(connection, start_us, end_us):
        if segment.last_seq > after:
            for data in fetch_blocks(connection, Resolution.RAW, point, [segment.id]).values():
                for record in unpack_block(data):
                    if record.seq > after and start_us <= record.at_us < end_us:
                        yield record
    for record in _tail_rows(connection, point, [seq for seq in seqs if seq > after]):
        if start_us <= record.at_us < end_us:
            yield record


def _tail_rows(connection: sqlite3.Connection, point: int, seqs: list[int]) -> list[Record]:
    """The point's rows of the log that are not packed in this snapshot."""
    packed = packed_seq(connection)
    return tail_records(connection, [seq for seq in seqs if seq > packed])


def tail_records(connection: sqlite3.Connection, seqs: Sequence[int]) -> list[Record]:
    """These rows of the log, in order."""
    if not seqs:
        return []
    rows = connection.execute(
        f"SELECT {ROW} FROM readings WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",  # noqa: S608  (own text)
        (json.dumps(seqs),),
    )
    return [from_row(row) for row in rows]


def all_readings(connection: sqlite3.Connection, point: int) -> list[Record]:
    """Every stored reading of a point straight from a file, without any memory of it: for proofs and repairs."""
    connection.execute("BEGIN")
    try:
        found: list[Record] = []
        homes = [segment.id for segment in read_segments(connection)]
        for data in fetch_blocks(connection, Resolution.RAW, point, homes).values():
            found += unpack_block(data)
        rows = connection.execute(
            f"SELECT {ROW} FROM readings WHERE seq > ? AND point = ? ORDER BY seq",  # noqa: S608  (own text)
            (packed_seq(connection), point),
        )
        return found + [from_row(row) for row in rows]
    finally:
        connection.execute("ROLLBACK")
