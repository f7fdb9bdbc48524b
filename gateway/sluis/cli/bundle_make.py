"""`sluis bundle build|sign|inspect|diff`: bundles as files."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.bundle_keys import KeyFile, opened
from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, facts, out, size, table
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis_provision.bundle.archive import Bundle

BundleFile = click.Path(path_type=Path, dir_okay=False)
Folder = click.Path(path_type=Path, file_okay=False)
Day = click.DateTime(formats=["%Y-%m-%d"])


@click.command("build")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--version", required=True, help="For people: 0.2.0.")
@click.option("--sequence", type=int, required=True, help="A number higher than that of every release before.")
@click.option("--expires", type=Day, required=True, help="The day (UTC) from which no node takes it any more.")
@click.option("--changes", type=BundleFile, required=True, help="TOML file with the changelog: en = ..., nl = ...")
@click.option("--board", default="any", show_default=True, help="any, a family (esp, rp2) or a profile (pico-w).")
@click.option("--runtime", default="1.23", show_default=True, help="The oldest MicroPython that runs it.")
@click.option("--from", "since", default=0, show_default=True, help="Sequence that must run before; 0 for any.")
@click.option("--folder", type=Folder, help="Pack these files instead of the firmware of this installation.")
@click.option(
    "--image", type=BundleFile, help="Pack an interpreter (.app-bin) for the other OTA partition of an ESP32."
)
@click.option("--gateway", "wheels", type=Folder, help="Pack these wheels: a release of the gateway itself.")
@as_json
def build(
    output: Path,
    version: str,
    sequence: int,
    expires: datetime,
    changes: Path,
    board: str,
    runtime: str,
    since: int,
    folder: Path | None,
    image: Path | None,
    wheels: Path | None,
    json_: bool,
) -> None:
    """Build a bundle for nodes, or a release of the gateway, into OUTPUT, a file or a folder.

    The same input gives the same bytes.

    Unless --folder or --image says otherwise it holds the node firmware of this installation, compiled. Nobody trusts
    it until it is signed.

    \b
    sluis bundle build any-0.2.0.sluis --version 0.2.0 --sequence 12 --expires 2028-01-01 --changes changes.toml
    sluis bundle build . --board esp32-c3 --image ESP32_GENERIC_C3-OTA.app-bin --version 1.29.0 --sequence 13 \\
        --expires 2028-01-01 --changes changes.toml
    sluis bundle build . --gateway wheels --version 0.2.0 --sequence 14 --expires 2028-01-01 --changes changes.toml
    """
    from sluis.wire.manifest import Manifest
    from sluis_provision.bundle import archive

    if sum(one is not None for one in (folder, image, wheels)) > 1:
        raise click.UsageError("--folder, --image and --gateway do not go together")
    if wheels is not None:
        board, runtime, contents = gateway_content(wheels, board, version)
        tools: dict[str, str] = {}
    else:
        contents, tools = packed_content(folder, image, board)
    until = int(expires.replace(tzinfo=UTC).timestamp())
    manifest = Manifest(board, version, sequence, runtime, since, until, archive.entries_of(contents))
    made = archive.made(manifest, changelog(changes), tools)
    data = archive.packed(made, contents)
    file = output / made.name if output.is_dir() else output
    written(file, data)
    result = {"file": str(file), "bytes": len(data), "manifest": made.digest, "files": len(contents)}
    if json_:
        out(result)
        return
    click.echo(f"{file}: {len(contents)} files, {size(len(data))}, manifest {made.digest[:16]}")
    click.echo(f"Next: sluis bundle sign {file} --key KEY")


def packed_content(folder: Path | None, image: Path | None, board: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """(what is packed, the tools it was made with)."""
    from sluis_provision.bundle import application
    from sluis_provision.images.profiles import profile

    if folder is not None:
        return application.folder(folder), {}
    if image is not None:
        contents, held = application.image(image, profile(board).chip)
        return contents, {"micropython": held}
    return application.application()


def gateway_content(wheels: Path, board: str, version: str) -> tuple[str, str, dict[str, bytes]]:
    """(board, runtime, files) of a release of the gateway: for `board`, or for machines such as this one."""
    from sluis_provision.gateway import content

    board = board if content.is_gateway(board) else content.this_kind()
    data, held = content.packed_wheels(wheels, board)
    if held != version:
        raise Failure(f"the wheel of Sluis in {wheels} has version {held}, not {version}")
    return board, f"3.{content.python_of(board)[0].removeprefix('cp3')}", {content.WHEELS: data}


def changelog(file: Path) -> dict[str, str]:
    """Both languages of a TOML file."""
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be read: {error}") from error
    if set(told) != {"en", "nl"} or not all(isinstance(text, str) and text.strip() for text in told.values()):
        raise Failure(f"{file} must say what changed in two languages", 'Write: en = "..." and nl = "..."')
    return {language: text.strip() for language, text in told.items()}


@click.command("sign")
@click.argument("file", type=BundleFile)
@click.option("--key", "key_file", type=KeyFile, required=True, help="Key file of `sluis bundle key new`.")
@as_json
@click.pass_obj
def sign(where: Where, file: Path, key_file: Path, json_: bool) -> None:
    """Put a key's signature into a bundle. For two of them, run it twice, on two machines if need be.

    \b
    sluis bundle sign any-0.2.0.sluis --key anna.key
    """
    from sluis_provision.bundle import archive

    bundle = read(file)
    key = opened(where, key_file)
    contents = bundle.contents()
    signed = bundle.signed_by(key.public.raw, key.sign)
    written(file, archive.packed(signed, contents))
    if json_:
        out({"file": str(file), "key": key.public.id, "signers": list(signed.signers)})
    else:
        click.echo(f"{file} is signed by {', '.join(signed.signers)}")


@click.command("inspect")
@click.argument("file", type=BundleFile)
@click.option("--language", type=click.Choice(["en", "nl"]), default="en", show_default=True)
@as_json
def inspect(file: Path, language: str, json_: bool) -> None:
    """Show what a bundle says of itself. Whether to believe it is for `sluis bundle verify`.

    \b
    sluis bundle inspect any-0.2.0.sluis
    sluis bundle inspect any-0.2.0.sluis --json | jq .files
    """
    bundle = read(file)
    held = told(bundle)
    if json_:
        out(held)
        return
    facts(
        [
            ("Version", f"{held['version']} (sequence {held['sequence']})"),
            ("For", f"{held['board']}, MicroPython {held['runtime']} or later"),
            ("After", f"sequence {held['from']}" if held["from"] else ""),
            ("Expires", day(held["expires"])),
            ("Size", size(held["bytes"])),
            ("Manifest", held["manifest"]),
            ("Made with", ", ".join(f"{name} {version}" for name, version in held["tools"].items())),
            ("Names as signers", ", ".join(held["signers"]) or "nobody"),
        ]
    )
    click.echo(f"\n{held['changelog'][language]}\n")
    rows = [[one["path"], size(one["size"]), one["sha256"][:16]] for one in held["files"]]
    table(["File", "Size", "SHA-256"], rows, "")


@click.command("diff")
@click.argument("old", type=BundleFile)
@click.argument("new", type=BundleFile)
@as_json
def diff(old: Path, new: Path, json_: bool) -> None:
    """Show what changes from one bundle to another, and how much of it a node is sent.

    \b
    sluis bundle diff any-0.1.0-11.sluis any-0.2.0-12.sluis
    """
    from sluis_provision.bundle.difference import difference

    found = difference(read(old), read(new))
    if json_:
        files = [
            {"path": one.path, "change": one.change, "before": one.before, "after": one.after} for one in found.files
        ]
        said = {"from" if name == "since" else name: list(pair) for name, pair in found.told.items()}
        out({"told": said, "files": files, "send_bytes": found.send_bytes})
        return
    facts((name, f"{before} -> {after}") for name, (before, after) in found.told.items())
    rows = [[one.path, one.change, size(one.before), size(one.after)] for one in found.files]
    table(["File", "Change", "Before", "After"], rows, "The files are the same.")
    click.echo(f"A node that runs the first is sent {size(found.send_bytes)}.")


def read(file: Path) -> Bundle:
    """A bundle that was found whole."""
    from sluis_provision.bundle import archive

    try:
        return archive.opened(file)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from error


def told(bundle: Bundle) -> dict[str, Any]:
    """A bundle as JSON."""
    manifest = bundle.manifest
    return {
        "board": manifest.board,
        "version": manifest.version,
        "sequence": manifest.sequence,
        "runtime": manifest.runtime,
        "from": manifest.since,
        "expires": manifest.expires,
        "bytes": manifest.size,
        "manifest": bundle.digest,
        "tools": dict(bundle.notes.tools),
        "signers": list(bundle.signers),
        "changelog": dict(bundle.notes.changelog),
        "files": [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in manifest.files],
    }


def day(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")


def written(file: Path, data: bytes) -> None:
    """Replace a file whole."""
    from sluis_provision.files import write_whole

    try:
        write_whole(file, data)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}") from error
