"""`sluis enrol`: a board gets its identity and its key, and proves itself."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.nodes import named, passed, tested
from sluis.cli.show import as_json, facts, out
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis.cli.client import Client
    from sluis.cli.enrol_ways import Outcome
    from sluis_provision.enrol.issued import Network

AGAIN_S = 1.0
"""Between two questions to a board that starts. Its Wi-Fi and TLS take half a minute."""

COMES = ("node.silent", "link")
"""What is answered about a node that is not there yet."""


@click.command()
@click.argument("node", required=False)
@click.option("--port", help="Port of the board: what it must know is written to it over the cable.")
@click.option("--improv", "target", help="Tell it its Wi-Fi by Improv: a port, a Bluetooth address, or `ble` to look.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Write its files to this folder instead."
)
@click.option("--ssid", help="With --improv: this network; its password is asked for.  [default: the site's networks]")
@click.option("--adapter", default="hci0", show_default=True, help="With --improv: the Bluetooth adapter.")
@click.option("--board", default="", help="Kind of board, e.g. pico-w.")
@click.option("--profile", default="", help="What is wired to it, by name.")
@click.option("--serial", default="", help="The number that you or its maker gave it.")
@click.option("--again", is_flag=True, help="It is the same board, flashed anew or moved: its old key ends.")
@click.option("--wait", "wait_s", default=120.0, show_default=True, help="Seconds to wait for its proof; 0 for none.")
@as_json
@click.pass_obj
def enrol(
    where: Where,
    node: str | None,
    port: str | None,
    target: str | None,
    into: Path | None,
    ssid: str | None,
    adapter: str,
    board: str,
    profile: str,
    serial: str,
    again: bool,
    wait_s: float,
    json_: bool,
) -> None:
    """Give a board its identity and its key, write them to it, and wait until it has passed its test.

    With --port the board's number is read from it, and NODE is not needed. With --improv it first joins a network,
    which shows a wrong password at once; over a cable its key follows in one go, over Bluetooth it must have one (what
    is said over Bluetooth is not encrypted). Devices of others that speak Improv (ESPHome, WLED) get their network the
    same way, with --ssid. With neither, what the node must know is written to the folder --into as net.json and ca.der
    (`sluis flash --files` takes it), or printed once.

    \b
    sluis enrol --port /dev/ttyACM0 --board pico-w --serial A-17
    sluis enrol --improv /dev/ttyUSB0
    sluis enrol --improv C4:4F:33:11:22:33 --ssid Building-IoT
    sluis enrol e661410403020100 --into attic/
    """
    from sluis.cli import enrol_ways as ways

    if sum(map(bool, (node, port, target))) != 1 or (into and not node):
        raise click.UsageError("Give the board's number, or its port, or where it offers Improv.")
    if ssid and not target:
        raise click.UsageError("--ssid goes with --improv.")
    told = {"board": board, "profile": profile, "serial": serial, "again": again}
    with where.client() as client:
        if node:
            _by_number(client, node.lower(), told, into, json_)
            return
        said = click.echo if not json_ else _silent
        wish = ways.Wish(told, _network(ssid), adapter, said)
        way = ways.by_cable(client, port, wish) if port else ways.by_improv(client, str(target), wish)
        outcome = asyncio.run(way)
        cable = port or ("" if ways.over_the_air(str(target)) else str(target))
        _end(client, outcome, cable, wait_s, json_)


def _silent(_text: str) -> None:
    """Programs read what is printed last."""


def _network(ssid: str | None) -> Network | None:
    from sluis_provision.enrol.issued import Network

    if ssid is None:
        return None
    return Network(
        ssid, click.prompt(f"Password of {ssid} (none: open)", default="", show_default=False, hide_input=True)
    )


def _by_number(client: Client, node_id: str, told: dict[str, Any], into: Path | None, json_: bool) -> None:
    """The board is elsewhere: its files go to a folder, or are shown once."""
    made = client.post("nodes", body={"id": node_id, **told})
    if into is not None:
        _into(into, made)
    if json_:
        out(made if into is None else _public(made))
        return
    _said(made, f"in {into}" if into else "")
    if into is None:
        facts([("net.json", json.dumps(made["net"])), ("ca.der", made["ca_der"])])
        click.echo("\nnet.json holds the password. It is shown this once.")


def _end(client: Client, outcome: Outcome, cable: str, wait_s: float, json_: bool) -> None:
    """What came of it, and the proof of a node that is on its way."""
    made, known = outcome.made, bool(outcome.node) and (outcome.made is not None or _in_force(client, outcome.node))
    if not json_:
        if outcome.network:
            click.echo(f"It has joined {outcome.network}." + (f" Its page: {outcome.page}" if outcome.page else ""))
        if made is not None:
            _said(made, f"on the board at {cable}")
        elif not outcome.node:
            click.echo(f"It is {outcome.about}: not a node of ours. Look for it with: sluis scan")
        elif not known:
            click.echo(f"{outcome.node} has no key of this gateway yet. Over the cable: sluis enrol --port PORT")
    proven = _proven(client, outcome.node, wait_s, cable) if known and wait_s else None
    if json_:
        joined = {"network": outcome.network, "page": outcome.page} if outcome.network else {}
        shown = {"node": {"id": outcome.node}, **(_public(made) if made else {}), **joined}
        out(shown | ({"node": proven} if proven else {}))
    if proven is not None:
        passed(proven) if json_ else tested(proven)


def _in_force(client: Client, node_id: str) -> bool:
    return any(one["id"] == node_id and one["state"] in ("enrolled", "proven") for one in client.get("nodes"))


def _public(made: dict[str, Any]) -> dict[str, Any]:
    """Without what only the node may know."""
    return {"node": made["node"], "setup_code": made["setup_code"]}


def _said(made: dict[str, Any], written: str) -> None:
    facts(
        [
            ("Node", made["node"]["id"]),
            ("Key", f"generation {made['node']['generation']}, print {made['node']['fingerprint']}"),
            ("Written", written),
            ("Set-up code", made["setup_code"]),
        ]
    )


def _into(folder: Path, made: dict[str, Any]) -> None:
    """The node's files, for their owner only."""
    from sluis.cli.enrol_ways import files

    folder.mkdir(parents=True, exist_ok=True)
    for part in files(made):
        handle = os.open(folder / part.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(part.content)


def _proven(client: Client, node_id: str, wait_s: float, cable: str) -> dict[str, Any]:
    """Ask until the node answers. Failure with what is known of it when it does not: what the gateway saw of it, and
    what it says itself where it is on a cable."""
    from sluis.cli.client import ApiError
    from sluis.cli.enrol_ways import trouble

    until = time.monotonic() + wait_s
    while True:
        try:
            found: dict[str, Any] = client.post("nodes", node_id, "test")
            return found
        except ApiError as error:
            if error.api_code not in COMES:
                raise
            if time.monotonic() > until:
                says = asyncio.run(trouble(cable)) if cable else ""
                why = [str(named(client, node_id)["fault"]), f"The node itself says: {says}." if says else ""]
                raise Failure(f"{node_id} has not come within {wait_s:.0f} s", "\n".join(filter(None, why))) from error
        time.sleep(AGAIN_S)
