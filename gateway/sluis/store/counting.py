"""All stored values of one point, straight from the file: for proofs that must not trust the running gateway."""

from __future__ import annotations

from pathlib import Path

from sluis.store.database import connect
from sluis.store.history import all_readings


def numbers_of(path: Path, device: str, point: str) -> list[int]:
    """Every stored number of a point in order of arrival; [] while nothing is stored yet."""
    if not path.exists():
        return []
    connection = connect(path, read_only=True)
    try:
        row = connection.execute(
            "SELECT points.id FROM points JOIN devices ON devices.id = points.device_id "
            "WHERE devices.key = ? AND points.key = ?",
            (device, point),
        ).fetchone()
        return [int(record.value) for record in all_readings(connection, row[0])] if row else []
    finally:
        connection.close()
