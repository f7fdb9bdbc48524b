"""Show live what is in the air and on the wires, and why each thing is not in use."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from sluis.cli.client import Client
from sluis.cli.show import age, as_json, out, table
from sluis.cli.where import Where

EVERY_S = 1.0
"""How often the list is fetched anew."""

LONGEST_S = 120

WHY = {
    "in-use": "in use",
    "waiting": "waits for a decision: sluis adopt {device}",
    "ignored": "ignored",
    "retired": "out of use",
    "announcement": "here devices announce themselves",
    "ours": "what this gateway itself publishes",
    "nothing-made": "looked at by {drivers}; made nothing of it",
    "no-driver": "no driver knows it",
}

HEADINGS = ("Link", "Source", "Signal", "Count", "Last", "Device", "What of it")
EMPTY = "Nothing was heard. Are the links up? See: sluis links"


@click.command()
@click.option(
    "--for", "for_s", type=click.IntRange(1, LONGEST_S), default=30, show_default=True, help="Seconds to listen."
)
@as_json
@click.pass_obj
def scan(where: Where, for_s: int, json_: bool) -> None:
    """Listen for a while, and list everything that is heard, with the reason for each thing that is not in use.

    On MQTT this listens to all topics while it lasts; devices that answer a broadcast (PJLink projectors) are asked.
    Ctrl-C stops looking; what was heard so far stays listed.

    \b
    sluis scan
    sluis scan --for 120
    sluis scan --json | jq -r '.heard[] | select(.why == "no-driver") | .source'
    """
    with where.client() as client:
        found = client.post("scan", body={"for_s": for_s})
        live = sys.stdout.isatty() and not json_
        try:
            found = _follow_live(client, found) if live else _follow(client, found)
        except KeyboardInterrupt:
            found = client.get("scan")
    if json_:
        out(found)
        return
    table(HEADINGS, _rows(found), EMPTY)
    for line in _besides(found):
        click.echo(line)


def _follow(client: Client, found: Any) -> Any:
    """Wait until it is over."""
    while found["left_s"] > 0:
        time.sleep(min(EVERY_S, found["left_s"]))
        found = client.get("scan")
    return found


def _follow_live(client: Client, found: Any) -> Any:
    """The same, drawn again and again; the drawing is taken away at the end."""
    from rich.live import Live

    with Live(_drawn(found), transient=True, auto_refresh=False) as screen:
        while found["left_s"] > 0:
            time.sleep(min(EVERY_S, found["left_s"]))
            found = client.get("scan")
            screen.update(_drawn(found), refresh=True)
    return found


def _drawn(found: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False, caption=f"{found['left_s']:.0f} s left; Ctrl-C stops")
    for heading in HEADINGS:
        made.add_column(heading, overflow="fold")
    for row in _rows(found):
        made.add_row(*(Text(cell) for cell in row))
    return made


def _rows(found: Any) -> list[list[str]]:
    return [
        [
            printable(one["link"]),
            printable(one["source"]),
            f"{one['rssi_dbm']} dBm" if one["rssi_dbm"] is not None else "",
            str(one["count"]),
            age(one["last_us"]),
            one["device"],
            WHY.get(one["why"], one["why"]).format(device=one["device"], drivers=", ".join(one["drivers"])),
        ]
        for one in found["heard"]
    ]


def printable(text: str) -> str:
    """A stranger chose this text: no control characters on the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _besides(found: Any) -> list[str]:
    """What cannot be heard, and what is not listened to."""
    lines = [f"Link {one['name']} ({one['kind']}) is down: {one['reason']}" for one in found["down"]]
    lines += [
        f'Serial port {one["device"]} ({printable(one["words"])}) is not set up; [[serial]] port = "{one["setting"]}"'
        for one in found["free_ports"]
    ]
    if found["left_out"]:
        lines.append(f"There was no room for all: {found['left_out']} messages of other sources were left out.")
    return lines
