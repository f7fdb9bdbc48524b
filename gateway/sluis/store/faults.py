"""What can go wrong with the file, in Sluis's own words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sluis.model import Retry, StoreError


class StoreFull(StoreError):
    """There is no room left on the disk."""

    code = "store.full"
    hint = "Free some space, or lower store.quota_mb; the gateway goes on by itself when there is room."


class StoreDamaged(StoreError):
    """The database file is damaged."""

    code = "store.damaged"
    hint = "Stop the gateway and restore the latest backup: sluis backup restore. Keep the damaged file for repair."
    retry = Retry.NEVER


class StoreNewer(StoreError):
    """A newer Sluis wrote this database."""

    code = "store.newer"
    hint = "Install that newer version again, or restore a backup made before the update."
    retry = Retry.NEVER


DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
MEDIUM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}
"""Primary result codes that speak of the medium, not of the statement: the same work may succeed later."""


def primary(error: BaseException) -> int:
    """SQLite's primary result code; 0 when the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: BaseException) -> bool:
    return primary(error) in DAMAGED


def is_medium(error: BaseException) -> bool:
    return primary(error) in MEDIUM or is_damage(error)


def translated(error: sqlite3.Error, path: Path, doing: str = "use") -> StoreError:
    """The StoreError that says what to do about `error`."""
    message = f"cannot {doing} {path}: {error}"
    if is_damage(error):
        return StoreDamaged(message)
    if primary(error) == sqlite3.SQLITE_FULL:
        return StoreFull(message)
    return StoreError(message, hint="Look at the disk: sluis doctor")
