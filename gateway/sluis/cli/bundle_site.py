"""`sluis bundle trust|list|look|export|remove`, and importing: releases on a gateway."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import click

from sluis.cli.bundle_keys import in_groups, show_keys
from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.cli.show import as_json, facts, moment, out, size, table
from sluis.cli.where import Where

SUFFIX = ".sluis"

SEND_BYTES_MAX = 900_000
"""Of a file: a request to the gateway may have a mebibyte, unless its settings say otherwise."""

IMPORT_S = 600.0
"""Patience while the gateway fetches over a slow line."""


@click.command("trust")
@click.argument("root", type=click.Path(path_type=Path), required=False)
@click.option("--print", "print_", default="", help="The root's print, where nobody can be asked.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@as_json
@click.pass_obj
def trust(where: Where, root: Path | None, print_: str, reason: str, json_: bool) -> None:
    """Show whom the gateway trusts with releases; or trust ROOT, a root's file or a repository's folder.

    Compare the print with those who release, over another road than the one the root came by: a phone call will do.

    \b
    sluis bundle trust
    sluis bundle trust /media/stick/release
    sluis bundle trust 1.root.json --print "0123 4567 89ab cdef 0123 4567 89ab cdef"
    """
    with where.client() as client:
        if root is None:
            held = client.get("release-trust")
        else:
            data = _root(root, print_)
            body = {"root": base64.b64encode(data[0]).decode(), "print": data[1], "reason": reason}
            held = client.put("release-trust", body=body)
    if json_:
        out(held)
        return
    if held is None:
        click.echo("This gateway trusts nobody's releases yet: sluis bundle trust ROOT")
        return
    facts(
        [
            ("Print", in_groups(held["print"])),
            ("Root", f"version {held['version']}, until {_day(held['expires_us'])}{' (expired)' * held['expired']}"),
            ("Signatures needed", ", ".join(f"{role} {needed}" for role, needed in held["thresholds"].items())),
            ("Repository", held["repository"]),
            ("Last heard", fresh_text(held["fresh"])),
        ]
    )
    click.echo()
    show_keys([{**one, "print": ""} for one in held["keys"]], "")


def _root(path: Path, print_: str) -> tuple[bytes, str]:
    """(a root's bytes, its print as a person confirmed it)."""
    from sluis_provision.release import roles
    from sluis_provision.supply.site import anchor_of, find_root

    data = find_root(path)
    if print_:
        return data, print_
    anchor = anchor_of(roles.root_in(data).signed)
    keys = [{"id": one.key.id, "name": one.key.name, "roles": one.roles, "print": ""} for one in anchor.holders]
    show_keys(keys, "")
    click.echo(f"\nPrint: {in_groups(anchor.print)}", err=True)
    click.confirm("Did those who release read you the same print?", abort=True, err=True)
    return data, anchor.print


@click.command("list")
@as_json
@click.pass_obj
def list_(where: Where, json_: bool) -> None:
    """List the bundles on the gateway, and whether they can be rolled out.

    \b
    sluis bundle list
    """
    with where.client() as client:
        held = client.get("bundles")
    if json_:
        out(held)
        return
    rows = [
        [one["name"], one["board"], one["version"], str(one["sequence"]), size(one["bytes"]), one["state"],
         moment(one["at_us"]), one["by"], one["why"]]
        for one in held
    ]  # fmt: skip
    heads = ["Bundle", "Board", "Version", "Sequence", "Size", "State", "Imported", "By", "Why"]
    table(heads, rows, "No bundle is here: sluis bundle import SOURCE")


@click.command("look")
@click.argument("source", default="")
@as_json
@click.pass_obj
def look(where: Where, source: str, json_: bool) -> None:
    """Show what the repository SOURCE offers: an address, or a folder; else the one in the gateway's settings.

    \b
    sluis bundle look
    sluis bundle look /media/stick/release
    """
    with where.client() as client:
        held = _asked(client, "look", {"source": absolute(source)})
    if json_:
        out(held)
        return
    click.echo(fresh_text(held["fresh"]) + "\n")
    rows = [
        [one["name"], one["board"], one["version"], str(one["sequence"]), size(one["bytes"]), "yes" * one["here"]]
        for one in held["offers"]
    ]
    table(["Bundle", "Board", "Version", "Sequence", "Size", "Here"], rows, "It offers no bundles.")


@click.command("export")
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path), default=".")
@as_json
@click.pass_obj
def export(where: Where, name: str, target: Path, json_: bool) -> None:
    """Write the bundle NAME of the gateway to TARGET, a file or a folder, as it was signed.

    \b
    sluis bundle export any-0.2.0-12.sluis /media/stick
    """
    from sluis.cli.bundle_make import written

    with where.client() as client:
        data = client.fetch("GET", "bundles", name, "file")
    file = target / name if target.is_dir() else target
    written(file, data)
    if json_:
        out({"file": str(file), "bytes": len(data)})
    else:
        click.echo(f"{file}: {size(len(data))}")


@click.command("remove")
@click.argument("name")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.pass_obj
def remove(where: Where, name: str, reason: str) -> None:
    """Remove the bundle NAME from the gateway. It is remembered that it was here.

    \b
    sluis bundle remove any-0.2.0-12.sluis --reason "drains batteries"
    """
    with where.client() as client:
        client.delete("bundles", name, reason=reason)
    click.echo(f"{name} is removed.")


def is_release(source: str) -> bool:
    """Whether this holds releases, not images: an address, a repository, a bundle, a folder of bundles."""
    path = Path(source)
    return (
        not source
        or "://" in source
        or (path / "metadata").is_dir()
        or path.suffix == SUFFIX
        or any(path.glob(f"*{SUFFIX}"))
    )


def import_release(
    where: Where, source: str, names: tuple[str, ...], allow_older: bool, reason: str, json_: bool
) -> None:
    """Import bundles through the gateway, which checks and records it."""
    path = Path(source)
    with where.client() as client:
        if source and "://" not in source and not (path / "metadata").is_dir():
            files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
            taken = [_sent(client, file, allow_older, reason) for file in files]
        else:
            body = {"source": absolute(source), "names": list(names), "allow_older": allow_older, "reason": reason}
            taken = _asked(client, "import", body)
    if json_:
        out(taken)
    else:
        table(["Bundle", "Outcome", "Why"], [[one["name"], one["outcome"], one["said"]] for one in taken], "Nothing.")
    if not taken or any(one["outcome"] == "refused" for one in taken):
        raise click.exceptions.Exit(EXIT_FINDING)


def _sent(client: Any, file: Path, allow_older: bool, reason: str) -> dict[str, Any]:
    """What became of one bundle: sent, or, where it is too large for that, read by the gateway itself."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", "Is the stick plugged in and mounted?") from error
    if len(content) > SEND_BYTES_MAX:
        body = {"source": absolute(str(file)), "allow_older": allow_older, "reason": reason}
        return dict(_asked(client, "import", body)[0])
    return _uploaded(client, file, content, allow_older, reason)


def _uploaded(client: Any, file: Path, content: bytes, allow_older: bool, reason: str) -> dict[str, Any]:
    from sluis.cli.client import ApiError

    params = {"allow_older": allow_older or None, "reason": reason}
    try:
        made = json.loads(
            client.fetch("POST", "bundles", "upload", files={"bundle": (file.name, content)}, params=params)
        )
    except ApiError as error:
        if not error.api_code.startswith("bundle."):
            raise
        return {"name": file.name, "outcome": "refused", "said": f"{error}. {error.hint}", "code": error.api_code}
    return {"name": made["name"], "outcome": "imported", "said": "its signatures are right", "code": ""}


def _asked(client: Any, what: str, body: dict[str, Any]) -> Any:
    return json.loads(client.fetch("POST", "bundles", what, json=body, timeout=IMPORT_S))


def absolute(source: str) -> str:
    """A folder as the gateway can find it."""
    return source if not source or "://" in source else str(Path(source).absolute())


def fresh_text(fresh: dict[str, Any] | None) -> str:
    """How new it is, for people."""
    if fresh is None:
        return "no repository was seen yet"
    said = f"newest as of {moment(fresh['made_at_us'])}" if fresh["made_at_us"] else "it does not say when it was made"
    if fresh["late"]:
        return f"{said}. LATE: a newer word was due on {_day(fresh['until_us'])}. What is here stays authentic."
    return f"{said}; the next is due by {_day(fresh['until_us'])}"


def _day(at_us: int) -> str:
    return moment(at_us)[:10]
