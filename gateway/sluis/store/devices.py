"""Devices and the small integer ids of their points."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from sluis.model import Device, Kind, Point
from sluis.store.database import Database
from sluis.store.segments import Class

SAVE = (
    "INSERT INTO devices (key, driver, native_id, link, state, body) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET link = excluded.link, state = excluded.state, body = excluded.body"
)

COLUMNS = ("key", "driver", "native_id", "link", "state")


class Devices:
    """Implements intake's `DeviceStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[tuple[Device, dict[str, int]]]:
        """Every device with the ids of its points."""
        return await self._database.read(_load)

    async def save(self, device: Device) -> None:
        """Insert or replace by key; durable when it returns."""
        row = _row(device)
        await self._database.write(lambda c: c.execute(SAVE, row))

    async def exchange(self, one: Device, other: Device) -> None:
        """Save two devices that took each other's native id; both or neither. Points stay with their keys."""
        rows = [_row(one), _row(other)]

        def work(connection: sqlite3.Connection) -> None:
            # Out of each other's way first: no two may have one native id, not even for a moment.
            connection.execute("UPDATE devices SET native_id = native_id || char(0) WHERE key = ?", (one.key,))
            connection.execute("UPDATE devices SET native_id = ? WHERE key = ?", (other.native_id, other.key))
            connection.execute("UPDATE devices SET native_id = ? WHERE key = ?", (one.native_id, one.key))
            connection.executemany(SAVE, rows)

        await self._database.write(work)

    async def point_ids(self, device_key: str, point_keys: Sequence[str]) -> dict[str, int]:
        """Ids of a device's points; those that have none yet get one."""
        return await self._database.write(lambda c: _point_ids(c, device_key, point_keys))

    async def classify(self, device_key: str, points: Iterable[Point]) -> None:
        """Say which class of retention the points are in. Those that are never said follow their values."""
        rows = [(int(class_of_point(point)), point.key, device_key) for point in points]
        await self._database.write(
            lambda c: c.executemany(
                "UPDATE points SET class = ? WHERE key = ? AND device_id = (SELECT id FROM devices WHERE key = ?)", rows
            )
        )

    async def forget(self, device_key: str) -> None:
        """Remove a device that was never adopted."""
        await self._database.write(
            lambda c: c.execute(
                "DELETE FROM devices WHERE key = ? AND id NOT IN (SELECT device_id FROM points)", (device_key,)
            )
        )


def _row(device: Device) -> tuple[str, ...]:
    values = dataclasses.asdict(device)
    columns = [str(values.pop(name)) for name in COLUMNS]
    return (*columns, msgspec.json.encode(values).decode())


def class_of_point(point: Point) -> Class:
    """Diagnostic and config points are diagnostic; numbers are telemetry; everything else is a state."""
    if point.category:
        return Class.DIAGNOSTIC
    return Class.TELEMETRY if point.kind is Kind.NUMBER else Class.STATE


def _load(connection: sqlite3.Connection) -> list[tuple[Device, dict[str, int]]]:
    points: dict[int, dict[str, int]] = {}
    for point in connection.execute("SELECT id, device_id, key FROM points"):
        points.setdefault(point["device_id"], {})[point["key"]] = point["id"]
    found = []
    for row in connection.execute("SELECT * FROM devices ORDER BY id"):
        values = {**msgspec.json.decode(row["body"]), **{name: row[name] for name in COLUMNS}}
        found.append((msgspec.convert(values, Device), points.get(row["id"], {})))
    return found


def _point_ids(connection: sqlite3.Connection, device_key: str, keys: Sequence[str]) -> dict[str, int]:
    device_id = connection.execute("SELECT id FROM devices WHERE key = ?", (device_key,)).fetchone()["id"]
    connection.executemany(
        "INSERT INTO points (device_id, key) VALUES (?, ?) ON CONFLICT DO NOTHING", [(device_id, key) for key in keys]
    )
    rows = connection.execute("SELECT key, id FROM points WHERE device_id = ?", (device_id,)).fetchall()
    found = {row["key"]: row["id"] for row in rows}
    return {key: found[key] for key in keys}
