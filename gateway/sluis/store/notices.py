"""The outbox of messages about alerts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sluis.store.database import Database
from sluis.watch.ports import Notice

COLUMNS = "recipient, channel, alert_id, what, at_us, severity, parcel, tries, due_us"


class Outbox:
    """`watch`'s NoticeStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notices: Sequence[Notice]) -> None:
        """Ids are given here."""
        rows = [
            (n.recipient, n.channel, n.alert_id, n.what, n.at_us, n.severity, n.parcel, n.tries, n.due_us)
            for n in notices
        ]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                f"INSERT INTO notices ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  (own text only)
                rows,
            )

        await self._database.write(work)

    async def waiting(self) -> list[Notice]:
        """All that is not delivered, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Notice]:
            rows = connection.execute(f"SELECT id, {COLUMNS} FROM notices ORDER BY id")  # noqa: S608  (own text only)
            return [Notice(*row) for row in rows]

        return await self._database.read(work)

    async def change(self, notices: Sequence[Notice]) -> None:
        rows = [(n.parcel, n.tries, n.due_us, n.id) for n in notices]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("UPDATE notices SET parcel = ?, tries = ?, due_us = ? WHERE id = ?", rows)

        await self._database.write(work)

    async def remove(self, ids: Sequence[int]) -> None:
        rows = [(one,) for one in ids]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM notices WHERE id = ?", rows)

        await self._database.write(work)
