"""Commands and their receipts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from sluis.model import Receipt
from sluis.store.database import Database

_decode = msgspec.json.Decoder(Receipt).decode
_encode = msgspec.json.Encoder().encode


class Commands:
    """`control`'s CommandStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, receipts: Sequence[Receipt]) -> None:
        """Insert or replace; durable when it returns."""
        rows = [_row(receipt) for receipt in receipts]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO commands VALUES (?, ?, ?, ?, ?, ?)", rows)

        await self._database.write(work)

    async def unfinished(self) -> list[Receipt]:
        """Commands that were under way when the gateway stopped."""
        return await self._select("WHERE stage IN ('accepted', 'sent') ORDER BY id", ())

    async def receipt(self, command_id: str) -> Receipt | None:
        found = await self._select("WHERE id = ?", (command_id,))
        return found[0] if found else None

    async def receipts(self, *, device: str = "", point: str = "", limit: int = 100, before: str = "") -> list[Receipt]:
        """Newest first; `before` is the command id to page on from."""
        terms, values = [], []
        for term, value in (("device = ?", device), ("point = ?", point), ("id < ?", before)):
            if value:
                terms.append(term)
                values.append(value)
        where = f"WHERE {' AND '.join(terms)} " if terms else ""
        return await self._select(f"{where}ORDER BY id DESC LIMIT ?", (*values, limit))

    async def prune(self, before_us: int) -> int:
        """Remove finished commands older than `before_us`; how many went."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM commands WHERE at_us < ? AND stage NOT IN ('accepted', 'sent')", (before_us,)
            ).rowcount

        return await self._database.write(work)

    async def _select(self, clause: str, values: tuple[object, ...]) -> list[Receipt]:
        def work(connection: sqlite3.Connection) -> list[Receipt]:
            rows = connection.execute(f"SELECT body FROM commands {clause}", values)  # noqa: S608  (own text only)
            return [_decode(row["body"]) for row in rows]

        return await self._database.read(work)


def _row(receipt: Receipt) -> tuple[object, ...]:
    command = receipt.command
    return (command.id, command.device, command.point, command.at_us, receipt.stage.value, _encode(receipt))
