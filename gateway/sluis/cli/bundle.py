"""`sluis bundle`: what boards are flashed with, and what nodes are updated with."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sluis.cli.bundle_check import unpack, verify
from sluis.cli.bundle_keys import key
from sluis.cli.bundle_make import build, diff, inspect, sign
from sluis.cli.bundle_repo import repo
from sluis.cli.bundle_site import export, import_release, is_release, list_, look, remove, trust
from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.cli.show import as_json, out, size, table
from sluis.cli.where import Where


@click.group()
def bundle() -> None:
    """What boards are flashed with (images), and what nodes are updated with (signed bundles).

    \b
    On a release machine:   sluis bundle build, sign, inspect, verify, diff, unpack, key, repo
    On a gateway:           sluis bundle trust, look, import, list, export, remove, images
    """


for command in (build, sign, inspect, verify, diff, unpack, key, repo, trust, look, list_, export, remove):
    bundle.add_command(command)


@bundle.command("images")
@as_json
@click.pass_obj
def images(where: Where, json_: bool) -> None:
    """List the images of the catalogue, the boards they are for, and whether they are on this machine.

    \b
    sluis bundle images
    """
    from sluis_provision.images.catalogue import catalogue
    from sluis_provision.images.profiles import profiles
    from sluis_provision.images.store import Store

    store = Store(where.folder / "images")
    boards = profiles().values()
    found: list[dict[str, Any]] = [
        asdict(one) | {"state": store.state(one), "profiles": [board.key for board in boards if board.image == key]}
        for key, one in catalogue().items()
    ]
    if json_:
        out(found)
        return
    rows = [
        [
            one["key"],
            ", ".join(one["profiles"]),
            one["version"],
            size(one["size"]) if one["size"] else "",
            one["state"],
            one["file"],
            one["sha256"][:12] or "not known",
        ]
        for one in found
    ]
    heads = ["Image", "Profiles", "Version", "Size", "Here", "File", "SHA-256"]
    table(heads, rows, "The catalogue is empty: add entries to hardware/runtimes.toml.")
    if any(one["state"] == "missing" for one in found):
        click.echo("What is missing: get the file from micropython.org/download and run `sluis bundle import FOLDER`.")


@bundle.command("import")
@click.argument("source", default="")
@click.option("--name", "names", multiple=True, help="Only this bundle of a repository. Repeatable.")
@click.option("--allow-older", is_flag=True, help="Take a bundle that is older than what was here; with a --reason.")
@click.option("--reason", default="", help="Why an older one; stands in the audit log.")
@click.option(
    "--approve",
    multiple=True,
    metavar="SHA256",
    help="Vouch for the file with this hash, where the catalogue knows none; your name is kept with it. Repeatable.",
)
@as_json
@click.pass_obj
def import_(
    where: Where,
    source: str,
    names: tuple[str, ...],
    allow_older: bool,
    reason: str,
    approve: tuple[str, ...],
    json_: bool,
) -> None:
    """Take in bundles or images from SOURCE: a file, a folder such as a USB stick, or a repository's address.

    A bundle (.sluis), or a repository of them, goes to the running gateway, which takes it only when those whom it
    trusts signed it. Without SOURCE: the repository in the gateway's settings, the newest bundle for each board.
    An image is known by its SHA-256; one that differs from the catalogue's is refused.
    Exit code 1 when any was refused, or nothing was found.

    \b
    sluis bundle import
    sluis bundle import /media/stick/release
    sluis bundle import any-0.2.0-12.sluis
    sluis bundle import RPI_PICO_W-20260824-v1.29.0.uf2
    """
    if is_release(source):
        import_release(where, source, names, allow_older, reason, json_)
    else:
        _import_images(where, Path(source), approve, json_)


def _import_images(where: Where, path: Path, approve: tuple[str, ...], json_: bool) -> None:
    from sluis_provision.images.catalogue import catalogue
    from sluis_provision.images.store import Approval, Store

    now = datetime.now(UTC).isoformat(timespec="seconds")
    words = {one.lower(): Approval(one.lower(), getpass.getuser(), now) for one in approve}
    try:
        taken = Store(where.folder / "images").take(path, catalogue(), words)
    except FileNotFoundError as error:
        raise Failure(f"{path} is not there", "Is the stick plugged in and mounted?") from error
    if json_:
        out([asdict(one) for one in taken])
    else:
        rows = [[one.file, one.outcome, one.said] for one in taken]
        table(["File", "Outcome", "Why"], rows, f"{path} holds no images (.bin, .uf2).")
    if not taken or any(one.outcome == "refused" for one in taken):
        raise click.exceptions.Exit(EXIT_FINDING)
