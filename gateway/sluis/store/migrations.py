"""Schema versions. `schema/NNNN/*.sql` holds version NNNN as one step from the version before it.

Files of one version run in name order inside one transaction, so a power cut leaves the old version whole.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sluis.model import StoreError
from sluis.store.faults import StoreDamaged, StoreNewer, is_damage

SCHEMA = Path(__file__).parent / "schema"


def versions(schema: Path = SCHEMA) -> list[int]:
    """All schema versions this Sluis knows, ascending."""
    return sorted(int(folder.name) for folder in schema.iterdir() if folder.name.isdigit())


def migrate(connection: sqlite3.Connection, schema: Path = SCHEMA) -> None:
    """Bring the database to the newest version. StoreError when a newer Sluis wrote it."""
    newest = versions(schema)[-1]
    held = version_of(connection)
    if held > newest:
        raise StoreNewer(f"the database has schema version {held}, this Sluis knows {newest}: a newer Sluis wrote it")
    for version in versions(schema):
        if version > held:
            _step(connection, version, schema)


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of a file; 0 for a new one. StoreDamaged when it is not a database."""
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(f"this is not a database Sluis can read: {error}") from error


def _step(connection: sqlite3.Connection, version: int, schema: Path) -> None:
    script = "\n".join(file.read_text() for file in sorted((schema / f"{version:04}").glob("*.sql")))
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={version};\nCOMMIT;")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        failure = StoreDamaged if is_damage(error) else StoreError
        raise failure(f"cannot bring the database to schema version {version}: {error}") from error
