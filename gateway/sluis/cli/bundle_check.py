"""`sluis bundle verify|unpack`: what is done with a bundle only when those who are trusted signed it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluis.cli.bundle_keys import KeyFile, public_keys
from sluis.cli.bundle_make import BundleFile, Folder, day, read, written
from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, out
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis.wire.signed import Trust


@click.command("verify")
@click.argument("file", type=BundleFile)
@click.option("--key", "key_files", type=KeyFile, multiple=True, help="Trust this public key (.pub). Repeatable.")
@click.option("--threshold", default=1, show_default=True, help="So many of the keys must have signed.")
@click.option("--root", type=BundleFile, help="Trust the release keys that this root names.")
@as_json
@click.pass_obj
def verify(
    where: Where, file: Path, key_files: tuple[Path, ...], threshold: int, root: Path | None, json_: bool
) -> None:
    """Check that a bundle is whole, signed by keys that are trusted, and not expired.

    Trusted are the release keys of the gateway, unless --key or --root says otherwise. Exit code 1 when it is not to be
    trusted.

    \b
    sluis bundle verify any-0.2.0.sluis
    sluis bundle verify any-0.2.0.sluis --key anna.pub --key ben.pub --threshold 2
    """
    from sluis.wire.manifest import OutOfDate

    bundle = read(file)
    by = bundle.check(trusted(where, key_files, threshold, root))
    if bundle.manifest.expires <= datetime.now(UTC).timestamp():
        raise OutOfDate(f"{file} was released until {day(bundle.manifest.expires)}")
    if json_:
        out({"file": str(file), "manifest": bundle.digest, "signed_by": list(by)})
    else:
        click.echo(f"{file} is whole, and signed by {', '.join(by)}.")


@click.command("unpack")
@click.argument("file", type=BundleFile)
@click.argument("folder", type=Folder)
@click.option("--key", "key_files", type=KeyFile, multiple=True, help="Trust this public key (.pub). Repeatable.")
@click.option("--threshold", default=1, show_default=True, help="So many of the keys must have signed.")
@click.option("--root", type=BundleFile, help="Trust the release keys that this root names.")
@as_json
@click.pass_obj
def unpack(
    where: Where, file: Path, folder: Path, key_files: tuple[Path, ...], threshold: int, root: Path | None, json_: bool
) -> None:
    """Write into FOLDER what a new node starts with: boot files, the bundle's files, and the keys it is to trust.

    The bundle must be signed by those keys: the release keys of the gateway, unless --key or --root says otherwise.
    FOLDER must not be there yet.

    \b
    sluis bundle unpack any-0.2.0-12.sluis my-node
    sluis flash --profile pico-w --all --files my-node
    """
    from sluis_provision.bundle.node import first_files

    if folder.exists():
        raise Failure(f"{folder} is there already", "Choose another name, or remove it.")
    files = first_files(read(file), trusted(where, key_files, threshold, root))
    for one in files:
        written(folder / one.path.lstrip("/"), one.content)
    if json_:
        out({"folder": str(folder), "files": [one.path for one in files]})
    else:
        click.echo(f"{folder}: {len(files)} files. Next: sluis flash --profile PROFILE --files {folder}")


def trusted(where: Where, key_files: tuple[Path, ...], threshold: int, root: Path | None) -> Trust:
    """Whose word counts: these keys, this root's, or the gateway's."""
    from sluis.wire.signed import parse_trust, trust_of

    if key_files and root is not None:
        raise click.UsageError("--key and --root do not go together")
    if key_files:
        return trust_of([key.raw for key in public_keys(key_files)], threshold)
    if root is not None:
        from sluis_provision.release import roles
        from sluis_provision.supply.site import find_root

        return roles.trust_of(roles.root_in(find_root(root)).signed)
    with where.client() as client:
        held = client.get("release-trust")
    if held is None:
        raise Failure("the gateway trusts nobody's releases yet", "Say whom to trust: --key or --root.")
    return parse_trust(held["node_trust"])
