"""Readings: appended in order, durable when acknowledged, never merged.

The log (`readings`) is ordered by `seq` and has no other index, so a commit touches one or two of its pages however
many points report. A group of batches becomes a handful of statements with many rows each: every statement gives the
interpreter lock away, and getting it back from a busy event loop costs more than inserting a hundred rows.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from sluis.intake.ports import Batch, OccurrenceRow, Row
from sluis.model import Quality, Stamp, Value
from sluis.store import deliveries
from sluis.store.database import Database
from sluis.store.records import BOOL, QUALITY, UNTRUSTED
from sluis.store.redating import redate
from sluis.store.segments import packed_seq
from sluis.store.tail import Tail

CHUNKS = (400, 50, 8, 1)
"""Rows of one INSERT, the largest that fits first. 400 rows are 3,200 of the 32,766 parameters SQLite takes; larger
gains nothing measurable, and each size is one prepared statement."""

COLUMNS = 8
INSERT = "INSERT INTO readings (seq, point, at_us, mono_us, boot, flags, value, device_at_us) VALUES "
INSERTS = {rows: INSERT + ",".join(["(?,?,?,?,?,?,?,?)"] * rows) for rows in CHUNKS}


class Readings:
    """Implements intake's `ReadingStore` and `LatestStore`. The database must have been started."""

    name = "readings"

    def __init__(self, database: Database, now: Stamp) -> None:
        self.database = database
        self.rewriting = asyncio.Lock()
        """Held by whatever changes readings that are already stored: packing, dating again, retention."""
        self.boot = database.submit(lambda c: _begin_boot(c, now)).result(30)
        self._last_seq, self.tail = database.read_now(_tail)
        self.appended = 0
        """Readings stored since the start."""

    def append(self, batch: Batch) -> Future[int]:
        """Queue a batch; resolves with its last sequence number after the durable commit."""
        return self.database.append(self, batch)

    def recent_deliveries(self, link: str, session: str) -> Mapping[int, int]:
        """Delivery number -> digest of what this session committed lately."""
        return self.database.read_now(lambda c: deliveries.recent_deliveries(c, link, session))

    def recent_identities(self) -> Sequence[int]:
        """Identities committed lately, oldest first."""
        return self.database.read_now(deliveries.recent_identities)

    async def latest(self) -> Mapping[int, tuple[Stamp, Value, int]]:
        """The newest reading of each point: (stamp, value, quality)."""
        return await self.database.read(_latest)

    async def newest_us(self) -> int:
        """The latest wall time of a reading whose clock was trusted; 0 for none."""
        return await self.database.read(_newest_us)

    async def redate(self, now: Stamp) -> int:
        """Date this boot's untrusted records by their monotonic time; how many. Order and count do not change."""
        boot, offset_us = self.boot, now.at_us - now.mono_us
        async with self.rewriting:
            return await self.database.write(lambda c: redate(c, boot, offset_us))

    # -- the lane -----------------------------------------------------------------------------------------

    def insert(self, connection: sqlite3.Connection, payloads: Sequence[Batch]) -> list[int]:
        """All batches of a group. Each one's result is its last sequence number."""
        connection.execute("SAVEPOINT appends")
        try:
            results = self._insert(connection, payloads, tamed=False)
        except (sqlite3.IntegrityError, sqlite3.InterfaceError, OverflowError, UnicodeError):
            # A value SQLite cannot hold. Slower, once: every value is looked at and made fit.
            connection.execute("ROLLBACK TO appends")
            results = self._insert(connection, payloads, tamed=True)
        connection.execute("RELEASE appends")
        return results

    def committed(self, payloads: Sequence[Batch], results: Sequence[int]) -> None:
        seq = self._last_seq
        points = [row.point_id for batch in payloads for row in batch.rows]
        self.tail.extend(enumerate(points, seq + 1))
        self._last_seq = seq + len(points)
        self.appended += len(points)

    def _insert(self, connection: sqlite3.Connection, batches: Sequence[Batch], *, tamed: bool) -> list[int]:
        seq, results = self._last_seq, []
        values: list[Any] = []
        occurrences: list[OccurrenceRow] = []
        for batch in batches:
            for row in batch.rows:
                seq += 1
                _add(values, seq, self.boot, tame(row) if tamed else row)
            occurrences += batch.occurrences
            results.append(seq)
        _insert_many(connection, values)
        if occurrences:
            self._insert_occurrences(connection, occurrences)
        deliveries.remember(connection, batches)
        return results

    def _insert_occurrences(self, connection: sqlite3.Connection, rows: Sequence[OccurrenceRow]) -> None:
        connection.executemany(
            "INSERT INTO occurrences (point, at_us, mono_us, boot, flags, what) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (point, stamp.at_us, stamp.mono_us, self.boot, 0 if stamp.trusted else UNTRUSTED, _text(what))
                for point, stamp, what in rows
            ],
        )


def tame(row: Row) -> Row:
    """A row SQLite can hold: what is no number is the text for it, of bad quality; a number that is too long is
    a float; a broken text is mended; a device's time beyond all bounds is dropped."""
    at_us = row.device_at_us
    if at_us is not None and not _fits(at_us):
        row = row._replace(device_at_us=None)
    value = row.value
    if isinstance(value, str):
        return row._replace(value=_text(value))
    if isinstance(value, float) and math.isnan(value):
        return row._replace(value="NaN", quality=int(Quality.BAD))
    if isinstance(value, int) and not _fits(value):
        return row._replace(value=_as_float(value))
    return row


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**63


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: str) -> str:
    """Without lone surrogates, which have no UTF-8."""
    return value.encode("utf-8", "replace").decode()


def _add(values: list[Any], seq: int, boot: int, row: Row) -> None:
    point, (at_us, mono_us, trusted), value, quality, device_at_us = row
    flags = int(quality) if trusted else int(quality) | UNTRUSTED
    if value is True or value is False:
        flags |= BOOL
        value = int(value)
    values += (seq, point, at_us, mono_us, boot, flags, value, device_at_us)


def _insert_many(connection: sqlite3.Connection, values: Sequence[Any]) -> None:
    at = 0
    for rows in CHUNKS:
        size = rows * COLUMNS
        while at + size <= len(values):
            connection.execute(INSERTS[rows], values[at : at + size])
            at += size


def _begin_boot(connection: sqlite3.Connection, now: Stamp) -> int:
    return int(connection.execute("INSERT INTO boots (started_at_us) VALUES (?)", (now.at_us,)).lastrowid or 0)


def _tail(connection: sqlite3.Connection) -> tuple[int, Tail]:
    packed = packed_seq(connection)
    rows = connection.execute("SELECT seq, point FROM readings WHERE seq > ? ORDER BY seq", (packed,))
    tail = Tail(rows)
    return max(packed, tail.last_seq), tail


def _latest(connection: sqlite3.Connection) -> dict[int, tuple[Stamp, Value, int]]:
    connection.execute("BEGIN")
    packed = packed_seq(connection)
    rows = connection.execute("SELECT point, at_us, mono_us, flags, value FROM latest").fetchall()
    rows += connection.execute(
        "SELECT point, at_us, mono_us, flags, value, max(seq) FROM readings WHERE seq > ? GROUP BY point", (packed,)
    ).fetchall()
    connection.execute("ROLLBACK")
    found: dict[int, tuple[Stamp, Value, int]] = {}
    for point, at_us, mono_us, flags, value, *_ in rows:
        typed = bool(value) if flags & BOOL else value
        found[point] = (Stamp(at_us, mono_us, not flags & UNTRUSTED), typed, flags & QUALITY)
    return found


def _newest_us(connection: sqlite3.Connection) -> int:
    found = connection.execute(
        "SELECT max(coalesce((SELECT max(at_us) FROM latest WHERE NOT flags & 4), 0),"
        " coalesce((SELECT max(at_us) FROM readings WHERE NOT flags & 4), 0))"
    ).fetchone()
    return int(found[0])
