"""Connections to the database with our pragmas."""

from __future__ import annotations

import sqlite3
from pathlib import Path

CHECKPOINT_PAGES = 1_000
"""Pages in the write-ahead log before they are copied into the file (4 MB). A page that is written in many commits
is copied once, so a larger log writes less; but it takes that room and that much longer to open after a power cut."""

PAGE_BYTES = 4_096
"""SQLite's default, and what flash is written in at the least."""

LOG_BYTES_KEPT = 8_000_000
"""The log file is cut back to this size after a burst."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit (transactions are explicit). sqlite3.Error when the file cannot be opened."""
    uri = f"{path.resolve().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        if not read_only:
            # Only a file without tables takes this: deleted pages can be given back to the file system.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES_KEPT}")
    except BaseException:
        connection.close()
        raise
    return connection
