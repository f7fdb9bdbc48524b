"""Alerts, their steps, and the memory of the rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from sluis.store.database import Database
from sluis.watch.alert import Alert, AlertStep
from sluis.watch.ports import Kept

_encode = msgspec.json.Encoder().encode
_alert = msgspec.json.Decoder(Alert).decode
_kept = msgspec.json.Decoder(Kept).decode


class AlertLog:
    """`watch`'s AlertStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, changes: Sequence[tuple[Alert, AlertStep]]) -> None:
        """Insert or replace alerts and append what happened; all or nothing."""
        rows = [
            (one.id, one.rule, one.device, one.point, one.opened_at_us, one.cleared_at_us, _encode(one))
            for one, _ in changes
        ]
        steps = [(step.alert_id, step.at_us, step.what, step.who, step.note) for _, step in changes]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " cleared_at_us = excluded.cleared_at_us, body = excluded.body",
                rows,
            )
            connection.executemany(
                "INSERT INTO alert_steps (alert_id, at_us, what, who, note) VALUES (?, ?, ?, ?, ?)", steps
            )

        await self._database.write(work)

    async def last_id(self) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM alerts").fetchone()[0])

        return await self._database.read(work)

    async def open_alerts(self) -> list[Alert]:
        return await self._select("WHERE cleared_at_us = 0 ORDER BY id", ())

    async def alerts(self, limit: int, before_id: int | None = None, *, device: str = "") -> list[Alert]:
        """All alerts, newest first."""
        terms: list[str] = []
        values: list[object] = []
        if before_id is not None:
            terms.append("id < ?")
            values.append(before_id)
        if device:
            terms.append("device = ?")
            values.append(device)
        where = f"WHERE {' AND '.join(terms)} " if terms else ""
        return await self._select(f"{where}ORDER BY id DESC LIMIT ?", (*values, limit))

    async def alert(self, alert_id: int) -> Alert | None:
        found = await self._select("WHERE id = ?", (alert_id,))
        return found[0] if found else None

    async def steps(self, alert_id: int) -> list[AlertStep]:
        def work(connection: sqlite3.Connection) -> list[AlertStep]:
            rows = connection.execute(
                "SELECT alert_id, at_us, what, who, note FROM alert_steps WHERE alert_id = ? ORDER BY id", (alert_id,)
            )
            return [AlertStep(*row) for row in rows]

        return await self._database.read(work)

    async def keep(self, states: Sequence[Kept], forget: Sequence[tuple[str, str, str]]) -> None:
        """Keep states over a restart; forget those of these (rule, device, point)."""
        rows = [(one.rule, one.device, one.point, _encode(one)) for one in states]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM rule_states WHERE rule = ? AND device = ? AND point = ?", forget)
            connection.executemany("INSERT OR REPLACE INTO rule_states VALUES (?, ?, ?, ?)", rows)

        await self._database.write(work)

    async def kept(self) -> list[Kept]:
        def work(connection: sqlite3.Connection) -> list[Kept]:
            return [_kept(row["body"]) for row in connection.execute("SELECT body FROM rule_states")]

        return await self._database.read(work)

    async def prune(self, before_us: int) -> int:
        """Remove alerts that were cleared before `before_us`, with their steps; how many went."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM alerts WHERE cleared_at_us > 0 AND cleared_at_us < ?", (before_us,)
            ).rowcount

        return await self._database.write(work)

    async def _select(self, clause: str, values: tuple[object, ...]) -> list[Alert]:
        def work(connection: sqlite3.Connection) -> list[Alert]:
            rows = connection.execute(f"SELECT body FROM alerts {clause}", values)  # noqa: S608  (own text only)
            return [_alert(row["body"]) for row in rows]

        return await self._database.read(work)
