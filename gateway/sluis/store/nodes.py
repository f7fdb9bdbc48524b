"""Node records and the networks that nodes are told, as rows."""

from __future__ import annotations

import dataclasses
import sqlite3

import msgspec

from sluis.model.nodes import Node
from sluis.store.database import Database


class Nodes:
    """Implements enrolment's `Records`. Knows no policy, and no secret in the clear."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def nodes(self) -> list[Node]:
        """All nodes there ever were, by id."""
        return await self._database.read(lambda c: [_node(row) for row in c.execute("SELECT * FROM nodes ORDER BY id")])

    async def node(self, node_id: str) -> Node | None:
        row = await self._database.read(lambda c: c.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone())
        return _node(row) if row else None

    async def save(self, *nodes: Node) -> None:
        """Insert or replace, all or none; durable when it returns."""
        rows = [_row(node) for node in nodes]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO nodes (id, state, body) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
                rows,
            )

        await self._database.write(work)

    async def networks(self) -> dict[str, bytes]:
        """SSID -> sealed password."""
        rows = await self._database.read(lambda c: c.execute("SELECT * FROM wifi_networks ORDER BY ssid").fetchall())
        return {row["ssid"]: row["sealed"] for row in rows}

    async def save_network(self, ssid: str, sealed: bytes, by: str, at_us: int) -> None:
        """Insert or replace."""
        await self._database.write(
            lambda c: c.execute("INSERT OR REPLACE INTO wifi_networks VALUES (?, ?, ?, ?)", (ssid, sealed, by, at_us))
        )

    async def remove_network(self, ssid: str) -> bool:
        """False when there was none."""
        return await self._database.write(
            lambda c: c.execute("DELETE FROM wifi_networks WHERE ssid = ?", (ssid,)).rowcount > 0
        )


def _row(node: Node) -> tuple[str, str, str]:
    body = {one.name: getattr(node, one.name) for one in dataclasses.fields(node)}
    return body.pop("id"), str(body.pop("state")), msgspec.json.encode(body).decode()


def _node(row: sqlite3.Row) -> Node:
    values = {**msgspec.json.decode(row["body"]), "id": row["id"], "state": row["state"]}
    return msgspec.convert(values, Node)
