"""How the store is: for the health page, for `sluis doctor`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sluis.store.connection import connect
from sluis.store.faults import StoreDamaged, StoreNewer, translated
from sluis.store.migrations import version_of, versions
from sluis.store.readings import Readings
from sluis.store.writer import Condition

PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Figures of this moment."""

    condition: Condition
    reason: str
    """Why it is not ok, as SQLite says it; "" when it is."""
    waiting: int
    """Writes not committed yet."""
    commits: int
    commit_interval_s: float
    readings: int
    """Stored since the start."""
    tail: int
    """Readings not packed yet."""
    file_bytes: int
    log_bytes: int
    """Of the write-ahead log."""
    free_bytes: int
    """On the file system."""
    reserve: bool
    """Whether the room for hard times is there."""


def health(readings: Readings) -> StoreHealth:
    """Cheap: no query."""
    database = readings.database
    writer = database.writer
    return StoreHealth(
        condition=writer.condition,
        reason=writer.reason if writer.condition is not Condition.OK else "",
        waiting=writer.waiting,
        commits=writer.commits,
        commit_interval_s=writer.interval_s,
        readings=readings.appended,
        tail=readings.tail.count,
        file_bytes=_size(database.path),
        log_bytes=_size(database.path.with_name(database.path.name + "-wal")),
        free_bytes=database.reserve.free(),
        reserve=database.reserve.made,
    )


def follow_condition(readings: Readings, told: Callable[[Condition, str], None]) -> None:
    """Call `told(condition, reason)` in the running event loop: what it is now, then at every change.

    Also when all is well: an alert that an earlier life left open knows no other way to end.
    """
    loop = asyncio.get_running_loop()

    def changed(condition: Condition, reason: str) -> None:
        loop.call_soon_threadsafe(told, condition, reason)

    writer = readings.database.writer
    writer.on_condition = changed
    told(writer.condition, writer.reason)


def check_integrity(path: Path, *, thorough: bool = False) -> list[str]:
    """Problems of a database file, in use or not; [] when it is sound. `thorough` also checks every index."""
    if not path.exists():
        return [f"{path} does not exist"]
    try:
        connection = connect(path, read_only=True)
    except sqlite3.Error as error:
        return [str(translated(error, path, "open"))]
    try:
        held = version_of(connection)
        if held > versions()[-1]:
            return [str(StoreNewer(f"schema version {held} is newer than this Sluis knows ({versions()[-1]})"))]
        check = "integrity_check" if thorough else "quick_check"
        rows = connection.execute(f"PRAGMA {check}({PROBLEMS_SHOWN})").fetchall()
        return [text for (text,) in rows if text != "ok"]
    except StoreDamaged as error:
        return [str(error)]
    except sqlite3.Error as error:
        return [str(translated(error, path, "check"))]
    finally:
        connection.close()


def require_sound(path: Path) -> None:
    """StoreDamaged with what was found, when something was."""
    problems = check_integrity(path)
    if problems:
        raise StoreDamaged(f"{path} is damaged: {problems[0]}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
