"""A node's configuration on the command line: read, checked, given, and what became of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import out, table

if TYPE_CHECKING:
    from sluis.cli.client import Client

AGAIN_S = 1.0


def has(client: Client, node_id: str, previous: bool) -> dict[str, Any]:
    """What the node has, or had before."""
    told = client.get("nodes", node_id, "config", previous="true" if previous else None)
    held: dict[str, Any] = told["config"]
    return held


def check(client: Client, node_id: str, file: Path, json_: bool) -> None:
    """Failure when something is wrong."""
    told = client.post("nodes", node_id, "config", "check", body={"config": read(file)})
    if json_:
        out(told)
    else:
        table(
            ["Where", "What is wrong"],
            [[one["where"], one["what"]] for one in told["faults"]],
            f"{node_id} would take it.",
        )
    if told["faults"]:
        raise Failure(
            f"{node_id} would refuse it", "Every part, and what may stand in it: docs/reference/node-parts.md"
        )


def given(client: Client, held: dict[str, Any], wait: bool, json_: bool) -> None:
    """What became of it. Failure when it was not kept."""
    if not json_:
        click.echo(f"{held['id']} has taken it and starts with it.")
    trial = client.get("nodes", held["id"], "config", "trial")
    while wait and trial["stage"] == "trying":
        time.sleep(AGAIN_S)
        trial = client.get("nodes", held["id"], "config", "trial")
    if json_:
        out({**(client.get("nodes", held["id"]) if wait else held), "trial": trial})
    if trial["stage"] in ("back", "lost"):
        what = "went back to what it had before" if trial["stage"] == "back" else "is not heard of"
        raise Failure(f"{held['id']} {what}", trial["reason"])
    if not json_:
        click.echo(("It kept it. Then" if wait else "Then") + f": sluis test {held['id']}")


def read(file: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Failure(f"{file} cannot be read: {error}") from error
    if not isinstance(told, dict):
        raise Failure(f"{file} holds no JSON object")
    return told
