"""Schema versions. `schema/NNNN/*.sql` holds version NNNN as one step from the version before it.

Files of one version run in name order inside one transaction, so a power cut leaves the old version whole.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sluis.model import StoreError

SCHEMA = Path(__file__).parent / "schema"


def versions() -> list[int]:
    """All schema versions this Sluis knows, ascending."""
    return sorted(int(folder.name) for folder in SCHEMA.iterdir() if folder.name.isdigit())


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version. StoreError when a newer Sluis wrote it."""
    newest = versions()[-1]
    held: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if held > newest:
        raise StoreError(
            f"the database has schema version {held}, this Sluis knows {newest}: a newer Sluis wrote it",
            hint="Install that newer version again, or restore a backup made before the update.",
        )
    for version in versions():
        if version > held:
            _step(connection, version)


def _step(connection: sqlite3.Connection, version: int) -> None:
    script = "\n".join(file.read_text() for file in sorted((SCHEMA / f"{version:04}").glob("*.sql")))
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={version};\nCOMMIT;")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreError(f"cannot bring the database to schema version {version}: {error}") from error
