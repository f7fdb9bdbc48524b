"""Make, prove and restore backups."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, moment, out, table
from sluis.cli.where import Where


@click.group()
def backup() -> None:
    """Make, verify and restore backups.

    A backup holds the database, the settings, the rules, drop-in drivers and all keys, encrypted in the age format.
    It is proven by restoring it into a scratch place.

    \b
    sluis backup create
    sluis backup list
    sluis backup restore sluis-20261124-090000.sluis-backup
    """


@backup.command("list")
@as_json
@click.pass_obj
def list_backups(where: Where, json_: bool) -> None:
    """List the backups, newest first, and when each was last proven."""
    with where.client() as client:
        found = client.get("backups")
    if json_:
        out(found)
        return
    rows = [
        [
            one["name"],
            moment(one["at_us"]),
            f"{one['size_bytes'] / 1e6:.1f} MB",
            one["problem"] or (f"proven {age(one['verified_at_us'])}" if one["verified_at_us"] else "never proven"),
        ]
        for one in found
    ]
    table(["Backup", "Made", "Size", "State"], rows, "No backups yet. Make one with: sluis backup create")


@backup.command("create")
@as_json
@click.pass_obj
def create_backup(where: Where, json_: bool) -> None:
    """Make a backup now, and prove it."""
    with where.client() as client:
        made = client.post("backups")
    if json_:
        out(made)
        return
    click.echo(f"{made['name']} made and proven ({made['size_bytes'] / 1e6:.1f} MB).")


@backup.command("verify")
@click.argument("name")
@as_json
@click.pass_obj
def verify_backup(where: Where, name: str, json_: bool) -> None:
    """Restore the backup NAME into a scratch place and check it."""
    with where.client() as client:
        proven = client.post("backups", name, "verify")
    if json_:
        out(proven)
    elif not proven["problem"]:
        click.echo(f"{name} can be restored.")
    if proven["problem"]:
        raise Failure(f"{name} cannot be restored: {proven['problem']}", "Make a new one: sluis backup create")


@backup.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--identity", type=click.Path(exists=True, path_type=Path), help="File with your age secret key.")
@click.option("--passphrase-file", type=click.Path(exists=True, path_type=Path), help="File with the passphrase.")
@click.option("--into", type=click.Path(path_type=Path), help="Data folder to restore to; default: the gateway's.")
@click.confirmation_option(prompt="This replaces the data folder (the old one is kept beside it). Go on?")
@click.pass_obj
def restore_backup(
    where: Where, file: Path, identity: Path | None, passphrase_file: Path | None, into: Path | None
) -> None:
    """Put the backup FILE in the place of the data folder. Stop the gateway first.

    Without a key or a passphrase file the passphrase is asked for.
    """
    from sluis.app.lock import only_one
    from sluis.store.archive import Keys
    from sluis.store.backups import restore

    target = into or where.folder
    keys = Keys(
        passphrase_file.read_text().strip() if passphrase_file else "",
        tuple(line for line in identity.read_text().splitlines() if line.startswith("AGE-")) if identity else (),
    )
    if not (keys.passphrase or keys.identities):
        keys = Keys(click.prompt("Passphrase", hide_input=True))
    new = not target.exists()
    (target / "run").mkdir(parents=True, exist_ok=True)
    with only_one(target / "run"):
        aside = restore(file, target, keys, time.time_ns() // 1000)
    if new and aside:
        shutil.rmtree(aside)  # nothing but the lock
        aside = None
    click.echo(f"Restored to {target}." + (f" What was there is now in {aside}." if aside else ""))
