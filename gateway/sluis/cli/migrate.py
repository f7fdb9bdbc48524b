"""`sluis migrate`: a database file, brought to this release's form. The launcher asks this of a release on a copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from sluis.cli.lazy import Failure


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def migrate(file: Path) -> None:
    """Bring the database FILE to the form that this release wants, and check it. Nobody may have it open.

    An update does this on a copy, before the new release starts; nobody has to type it. Exit code 1 when it cannot
    be done.

    \b
    sluis migrate copy-of-sluis.db
    """
    from sluis.store.connection import connect
    from sluis.store.migrations import migrate as bring
    from sluis.store.migrations import version_of

    try:
        with closing(connect(file)) as connection:
            before = version_of(connection)
            bring(connection)
            told = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            after = version_of(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise Failure(f"{file} cannot be migrated: {error}") from error
    if told != "ok":
        raise Failure(f"{file} is damaged: {told}")
    click.echo(f"{file}: schema version {before} -> {after}")
