"""Readings: appended in order, durable when acknowledged, never merged."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from sluis.intake.ports import Batch
from sluis.model import Stamp, Value
from sluis.store.database import Database

UNTRUSTED = 4
"""Flag bit: the wall clock was not to be believed when this was received."""
REDATED = 8
"""Flag bit: dated again once the clock was right."""
QUALITY = 3

KEPT_DELIVERIES = 32_768
KEPT_IDENTITIES = 65_536


class Readings:
    """Implements intake's `ReadingStore` and `LatestStore`."""

    def __init__(self, database: Database, now: Stamp) -> None:
        self._database = database
        self.boot = database.submit(lambda c: _begin_boot(c, now)).result(30)

    def append(self, batch: Batch) -> Future[int]:
        """Queue a batch; resolves with its last sequence number after the durable commit."""
        return self._database.submit(lambda connection: _append(connection, self.boot, batch))

    def recent_deliveries(self, link: str, session: str) -> Mapping[int, int]:
        """Delivery number -> digest of what this session committed lately."""
        rows = self._database.read_now(
            lambda c: c.execute(
                "SELECT tokens, digests FROM deliveries WHERE link = ? AND session = ? ORDER BY id", (link, session)
            ).fetchall()
        )
        found: dict[int, int] = {}
        for tokens, digests in rows:
            found.update(zip(_unpacked(tokens), _unpacked(digests), strict=True))
        return found

    def recent_identities(self) -> Sequence[int]:
        """Identities committed lately, oldest first."""
        rows = self._database.read_now(lambda c: c.execute("SELECT identities FROM deliveries ORDER BY id").fetchall())
        return [identity for (blob,) in rows for identity in _unpacked(blob)][-KEPT_IDENTITIES:]

    async def latest(self) -> Mapping[int, tuple[Stamp, Value, int]]:
        """The newest reading of each point."""
        return await self._database.read(_latest)

    async def newest_us(self) -> int:
        """Wall-clock time of the newest trusted record; 0 for none."""
        newest = (
            "SELECT coalesce(max(at_us), 0) FROM "
            "(SELECT at_us, flags FROM readings ORDER BY seq DESC LIMIT 1000) WHERE NOT flags & 4"
        )
        return await self._database.read(lambda c: int(c.execute(newest).fetchone()[0]))

    async def redate(self, now: Stamp) -> int:
        """Date this boot's untrusted records by their monotonic time; how many."""
        boot, offset = self.boot, now.at_us - now.mono_us

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE readings SET at_us = mono_us + ?, flags = (flags & ~4) | 8 WHERE boot = ? AND flags & 4",
                (offset, boot),
            ).rowcount

        return await self._database.write(work)


def _begin_boot(connection: sqlite3.Connection, now: Stamp) -> int:
    return int(connection.execute("INSERT INTO boots (started_at_us) VALUES (?)", (now.at_us,)).lastrowid or 0)


def _append(connection: sqlite3.Connection, boot: int, batch: Batch) -> int:
    connection.executemany(
        "INSERT INTO readings (point, at_us, mono_us, boot, flags, value, device_at_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.point_id,
                row.stamp.at_us,
                row.stamp.mono_us,
                boot,
                row.quality | (0 if row.stamp.trusted else UNTRUSTED),
                row.value,
                row.device_at_us,
            )
            for row in batch.rows
        ],
    )
    for row in batch.occurrences:
        flags = 0 if row.stamp.trusted else UNTRUSTED
        connection.execute(
            "INSERT INTO occurrences (point, at_us, mono_us, boot, flags, what) VALUES (?, ?, ?, ?, ?, ?)",
            (row.point_id, row.stamp.at_us, row.stamp.mono_us, boot, flags, row.what),
        )
    _remember(connection, batch)
    return int(connection.execute("SELECT max(seq) FROM readings").fetchone()[0] or 0)


def _remember(connection: sqlite3.Connection, batch: Batch) -> None:
    delivery = batch.delivery
    if delivery is None and not batch.identities:
        return
    connection.execute(
        "INSERT INTO deliveries (link, session, tokens, digests, identities) VALUES (?, ?, ?, ?, ?)",
        (
            delivery.link if delivery else "",
            delivery.session if delivery else "",
            _packed(delivery.tokens if delivery else ()),
            _packed(delivery.digests if delivery else ()),
            _packed(batch.identities),
        ),
    )


def _packed(numbers: Sequence[int]) -> bytes:
    return array("q", numbers).tobytes()


def _unpacked(blob: bytes) -> array[int]:
    numbers = array("q")
    numbers.frombytes(blob)
    return numbers


def _latest(connection: sqlite3.Connection) -> dict[int, tuple[Stamp, Value, int]]:
    rows = connection.execute(
        "SELECT point, at_us, mono_us, flags, value, max(seq) FROM readings GROUP BY point"
    ).fetchall()
    return {
        point: (Stamp(at_us, mono_us, not flags & UNTRUSTED), value, flags & QUALITY)
        for point, at_us, mono_us, flags, value, _ in rows
    }
