"""`sluis bundle key`: keys that sign releases, on a release machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.show import as_json, out, table
from sluis.cli.where import PLACES, Where

if TYPE_CHECKING:
    from sluis_provision.release.keys import PublicKey, SigningKey

PASSPHRASE = "SLUIS_KEY_PASSPHRASE"  # noqa: S105  (the name of a variable)

KeyFile = click.Path(path_type=Path, dir_okay=False)


def opened(where: Where, file: Path) -> SigningKey:
    """A key, after its passphrase was asked for; never one in a gateway's data folder."""
    from sluis_provision.release import keys

    keys.refuse_gateway(file, where.folder, *PLACES)
    return keys.opened(file, passphrase(f"Passphrase of {file.name}"))


def passphrase(asked: str, *, twice: bool = False) -> str:
    """From the environment, for scripts; else typed."""
    held = os.environ.get(PASSPHRASE)
    return held if held is not None else click.prompt(asked, hide_input=True, confirmation_prompt=twice, err=True)


def in_groups(text: str, size: int = 4) -> str:
    """As people compare it."""
    return " ".join(text[at : at + size] for at in range(0, len(text), size))


def told(key: PublicKey, roles: Sequence[str] = ()) -> dict[str, Any]:
    """A key as JSON."""
    import hashlib

    return {
        "id": key.id,
        "name": key.name,
        "print": hashlib.sha256(key.raw).hexdigest()[:32],
        "public": key.line().split()[1],
        "roles": list(roles),
    }


def show_keys(keys: Sequence[dict[str, Any]], empty: str) -> None:
    """As a table. The print is what two people read to each other."""
    rows = [[one["id"], one["name"], ", ".join(one["roles"]), in_groups(one["print"])] for one in keys]
    table(["Key", "Name", "Roles", "Print"], rows, empty)


@click.group("key")
def key() -> None:
    """Keys that sign releases: make them, look at them, change who is trusted.

    They live on a release machine or on a stick in a drawer, never on a gateway. The passphrase is asked for; a script
    may put it into SLUIS_KEY_PASSPHRASE.

    \b
    sluis bundle key new anna.key
    sluis bundle key list anna.pub ben.pub
    """


@key.command("new")
@click.argument("file", type=KeyFile)
@click.option("--name", default="", help="Whose it is; one word. [default: the file's name]")
@as_json
@click.pass_obj
def new(where: Where, file: Path, name: str, json_: bool) -> None:
    """Make a key in FILE, sealed with a passphrase, and its public part beside it (.pub).

    \b
    sluis bundle key new anna.key
    sluis bundle key new /media/stick/root-2.key --name ben
    """
    from sluis_provision.release import keys

    keys.refuse_gateway(file, where.folder, *PLACES)
    made = keys.new(file, name or file.stem, passphrase("A passphrase for it", twice=True))
    if json_:
        out(told(made.public) | {"file": str(file), "public_file": str(file.with_suffix(".pub"))})
        return
    show_keys([told(made.public)], "")
    click.echo(f"\nKeep {file} to yourself. Give {file.with_suffix('.pub')} to others, and read them the print.")


@key.command("list")
@click.argument("files", type=KeyFile, nargs=-1, required=True)
@as_json
def list_(files: tuple[Path, ...], json_: bool) -> None:
    """List keys in FILES, public ones or sealed ones; no passphrase is asked.

    \b
    sluis bundle key list *.pub
    """
    found = [told(one) for one in public_keys(files)]
    if json_:
        out(found)
    else:
        show_keys(found, "There are no keys.")


def public_keys(files: Sequence[Path]) -> list[PublicKey]:
    """From `.pub` or key files."""
    from sluis_provision.release import keys

    return [keys.public_key(file) for file in files]
