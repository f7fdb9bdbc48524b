"""`sluis enrol`: a board gets its identity and its key, and proves itself."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.nodes import named, tested
from sluis.cli.show import as_json, facts, out
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis.cli.client import Client
    from sluis_provision.flashers.kinds import Part

AGAIN_S = 3.0
"""Between two questions to a board that starts. Its Wi-Fi and TLS take half a minute."""

COMES = ("node.silent", "link")
"""What is answered about a node that is not there yet."""


@click.command()
@click.argument("node", required=False)
@click.option("--port", help="Port of the board: what it must know is written to it over the cable.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Write its files to this folder instead."
)
@click.option("--board", default="", help="Kind of board, e.g. pico-w.")
@click.option("--profile", default="", help="What is wired to it, by name.")
@click.option("--serial", default="", help="The number that you or its maker gave it.")
@click.option("--again", is_flag=True, help="It is the same board, flashed anew: its old key ends.")
@click.option("--wait", "wait_s", default=120.0, show_default=True, help="Seconds to wait for its proof; 0 for none.")
@as_json
@click.pass_obj
def enrol(
    where: Where,
    node: str | None,
    port: str | None,
    into: Path | None,
    board: str,
    profile: str,
    serial: str,
    again: bool,
    wait_s: float,
    json_: bool,
) -> None:
    """Give a board its identity and its key, write them to it, and wait until it has passed its test.

    With --port the board's number is read from it, and NODE is not needed. Without, what the node must know is written
    to the folder --into as net.json and ca.der (`sluis flash --files` takes it), or printed once.

    \b
    sluis enrol --port /dev/ttyACM0 --board pico-w --serial A-17
    sluis enrol e661410403020100 --into attic/
    """
    if bool(node) == bool(port) or (port and into):
        raise click.UsageError("Give the board's number, or its port.")
    told = {"board": board, "profile": profile, "serial": serial, "again": again}
    with where.client() as client:
        if port:
            made = asyncio.run(_by_cable(client, port, told))
        else:
            made = client.post("nodes", body={"id": str(node).lower(), **told})
            if into is not None:
                _into(into, made)
            else:
                wait_s = 0.0
        proven = _proven(client, made["node"]["id"], wait_s) if port and wait_s else None
    if json_:
        shown = made if not port and into is None else {"node": made["node"], "setup_code": made["setup_code"]}
        out(shown | ({"node": proven} if proven else {}))
    else:
        _said(made, port, into)
    if proven is not None:
        tested(proven, json_)


def _said(made: dict[str, Any], port: str | None, into: Path | None) -> None:
    where = f"on the board at {port}" if port else f"in {into}" if into else ""
    secret = [] if where else [("net.json", json.dumps(made["net"])), ("ca.der", made["ca_der"])]
    facts(
        [
            ("Node", made["node"]["id"]),
            ("Key", f"generation {made['node']['generation']}, print {made['node']['fingerprint']}"),
            ("Written", where),
            ("Set-up code", made["setup_code"]),
            *secret,
        ]
    )
    if not where:
        click.echo("\nnet.json holds the password. It is shown this once.")


def _into(folder: Path, made: dict[str, Any]) -> None:
    """The node's files, for their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in _files(made):
        handle = os.open(folder / part.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(part.content)


def _files(made: dict[str, Any]) -> list[Part]:
    from sluis_provision.flashers.kinds import Part

    net = json.dumps(made["net"], ensure_ascii=False).encode()
    ca = base64.b64decode(made["ca_der"])
    return [Part("net.json", net, file="/net.json"), *([Part("ca.der", ca, file="/ca.der")] if ca else [])]


async def _by_cable(client: Client, port: str, told: dict[str, Any]) -> dict[str, Any]:
    """Ask the board who it is, enrol it, write to it, and start it."""
    from sluis_provision.flashers.repl import Repl

    repl = Repl(port)
    found = await repl.probe()
    made: dict[str, Any] = client.post("nodes", body={"id": found.uid, **told})
    await repl.write(_files(made))
    await repl.boot()
    return made


def _proven(client: Client, node_id: str, wait_s: float) -> dict[str, Any]:
    """Ask until the node answers. Failure with what is known of it when it does not."""
    from sluis.cli.client import ApiError

    until = time.monotonic() + wait_s
    while True:
        try:
            found: dict[str, Any] = client.post("nodes", node_id, "test")
            return found
        except ApiError as error:
            if error.api_code not in COMES:
                raise
            if time.monotonic() > until:
                raise Failure(f"{node_id} has not come within {wait_s:.0f} s", _why(client, node_id)) from error
        time.sleep(AGAIN_S)


def _why(client: Client, node_id: str) -> str:
    return str(named(client, node_id)["fault"])
