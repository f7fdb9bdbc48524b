"""Instruction cards, areas whose cards are open, and site walks, as rows."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence

import msgspec

from sluis.model.papers import Card, Walk
from sluis.store.database import Database


class Papers:
    """Knows no policy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def card(self, device: str, language: str) -> Card | None:
        """As somebody wrote it; None when nobody has."""
        row = await self._database.read(
            lambda c: c.execute("SELECT * FROM cards WHERE device = ? AND language = ?", (device, language)).fetchone()
        )
        return Card(**row) if row else None

    async def save_card(self, card: Card) -> None:
        """Insert or replace."""
        row = dataclasses.astuple(card)
        await self._database.write(lambda c: c.execute("INSERT OR REPLACE INTO cards VALUES (?, ?, ?, ?, ?)", row))

    async def remove_card(self, device: str, language: str) -> bool:
        """False when there was none."""
        return await self._database.write(
            lambda c: c.execute("DELETE FROM cards WHERE device = ? AND language = ?", (device, language)).rowcount > 0
        )

    async def open_areas(self) -> frozenset[str]:
        rows = await self._database.read(lambda c: c.execute("SELECT area FROM open_areas").fetchall())
        return frozenset(row["area"] for row in rows)

    async def set_open(self, area: str, is_open: bool) -> None:
        change = "INSERT OR IGNORE INTO open_areas VALUES (?)" if is_open else "DELETE FROM open_areas WHERE area = ?"
        await self._database.write(lambda c: c.execute(change, (area,)))

    async def walks(self) -> Sequence[Walk]:
        """All, the newest first."""
        rows = await self._database.read(
            lambda c: c.execute("SELECT body FROM walks ORDER BY begun_at_us DESC, id").fetchall()
        )
        return [msgspec.json.decode(row["body"], type=Walk) for row in rows]

    async def walk(self, walk_id: str) -> tuple[Walk, str] | None:
        """(walk, certificate); the certificate is "" while it is not signed."""
        row = await self._database.read(lambda c: c.execute("SELECT * FROM walks WHERE id = ?", (walk_id,)).fetchone())
        return (msgspec.json.decode(row["body"], type=Walk), row["certificate"]) if row else None

    async def save_walk(self, walk: Walk, certificate: str = "") -> None:
        """Insert or replace; durable when it returns."""
        body = msgspec.json.encode(walk).decode()
        row = (walk.id, walk.area, walk.begun_at_us, walk.signed_at_us, body, certificate)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO walks VALUES (?, ?, ?, ?, ?, ?)", row)

        await self._database.write(work)

    async def remove_walk(self, walk_id: str) -> None:
        """One that was not signed; a certificate stays for ever."""
        await self._database.write(
            lambda c: c.execute("DELETE FROM walks WHERE id = ? AND signed_at_us = 0", (walk_id,))
        )
