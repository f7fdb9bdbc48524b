"""All stored values of one point, straight from the file: for proofs that must not trust the running gateway."""

from __future__ import annotations

from pathlib import Path

from sluis.store.database import connect


def numbers_of(path: Path, device: str, point: str) -> list[int]:
    """Every stored number of a point in order of arrival; [] while nothing is stored yet."""
    if not path.exists():
        return []
    connection = connect(path, read_only=True)
    try:
        rows = connection.execute(
            "SELECT value FROM readings JOIN points ON points.id = readings.point "
            "JOIN devices ON devices.id = points.device_id WHERE devices.key = ? AND points.key = ? ORDER BY seq",
            (device, point),
        ).fetchall()
    finally:
        connection.close()
    return [int(value) for (value,) in rows]
