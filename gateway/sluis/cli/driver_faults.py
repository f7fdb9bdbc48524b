"""`sluis driver faults` and `sluis driver release`: what made drivers fail, and versions that were put aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, out, table
from sluis.cli.where import Where


@click.command()
@click.argument("key", required=False)
@click.option("--repro", type=click.Path(path_type=Path), help="Write the inputs to this frames file, to replay.")
@as_json
@click.pass_obj
def faults(where: Where, key: str | None, repro: Path | None, json_: bool) -> None:
    """Show what made drivers fail: all of them, or the driver with this KEY. Exit code 1 when there is something.

    \b
    sluis driver faults
    sluis driver faults acme-t1 --repro broken.jsonl
    sluis driver replay broken.jsonl --driver acme_t1.py
    """
    with where.client() as client:
        drivers = client.every("drivers")
        keys = [key] if key else [one["key"] for one in drivers if one["faults"]]
        found = {each: client.get("drivers", each, "faults") for each in keys}
    aside = {one["key"]: one["aside"] or one["fault"] for one in drivers if one["aside"] or one["fault"]}
    if key:
        aside = {name: why for name, why in aside.items() if name == key or not found[key]}
    if repro is not None:
        written = _write(repro, found)
        if not json_:
            click.echo(f"{written} lines in {repro}. Next: sluis driver replay {repro} --driver FILE")
    if json_:
        out({"faults": found, "put_aside": aside})
    elif repro is None:
        rows = [
            [name, one["doing"], one["device"], str(one["count"]), age(one["at_us"]), one["error"][:60]]
            for name, held in found.items()
            for one in held
        ]
        table(["Driver", "Doing", "Device", "Times", "Last", "Error"], rows, "No driver has failed.")
        for name, why in aside.items():
            click.echo(f"\n{name}: {why}")
    if repro is None and (any(found.values()) or aside):
        raise click.exceptions.Exit(1)


def _write(file: Path, found: dict[str, list[dict[str, Any]]]) -> int:
    lines = [one["line"] for held in found.values() for one in held]
    if not lines:
        raise Failure("there is nothing to replay: no driver has failed")
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return len(lines)


@click.command()
@click.argument("key")
@click.pass_obj
def release(where: Where, key: str) -> None:
    """Try a version of the driver KEY again that was put aside because it failed too often.

    KEY may also be the name of its file, when no version of it is in use.

    \b
    sluis driver release acme-t1
    """
    with where.client() as client:
        client.post("drivers", key, "release")
    click.echo(f"{key} is tried again within a second.")
