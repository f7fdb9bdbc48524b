"""An update of one node, for people."""

from __future__ import annotations

import time
from typing import Any

import click

from sluis.cli.client import Client
from sluis.cli.lazy import Failure
from sluis.cli.show import facts, out

LOOK_S = 1.0
LONGEST_S = 1800.0
"""Longest that is waited for it; the update goes on by itself."""


def show(node_id: str, told: dict[str, Any] | None, json_: bool) -> None:
    """What it runs, and how far it is."""
    if json_:
        out(told)
    elif told is None:
        click.echo(f"{node_id} has not said what it runs since the gateway started.")
    else:
        runs = f"{told['version']} (number {told['sequence']}" if told["sequence"] else "what was put on by cable ("
        under_way = f"{told['phase']} {told['percent']} %, to number {told['to']}" if told["phase"] else ""
        facts(
            [
                ("Node", node_id),
                ("Runs", f"{runs}{', ' if told['sequence'] else ''}slot {told['slot']})"),
                ("On trial", "yes" if told["trial"] else ""),
                ("Under way", under_way),
                ("Reason", told["reason"]),
                ("Went back from", f"number {told['back']}" if told["back"] else ""),
            ]
        )


def follow(client: Client, node_id: str, before: dict[str, Any], json_: bool) -> None:
    """Until it runs another version that is confirmed, or went back. Ctrl-C stops looking; the update goes on."""
    until, last = time.monotonic() + LONGEST_S, ""
    while time.monotonic() < until:
        told = client.get("nodes", node_id, "update") or {}
        said = f"{told.get('phase', '')} {told.get('percent', 0)} %" if told.get("phase") else ""
        if said and said != last and not json_:
            click.echo(said, err=True)
            last = said
        if told.get("back") and told.get("back") != before.get("back"):
            show(node_id, told, json_)
            raise Failure(f"{node_id} went back from number {told['back']}", f"Why: sluis node page {node_id}")
        moved = told.get("sequence") != before.get("sequence") or told.get("slot") != before.get("slot")
        if moved and not told.get("trial") and not told.get("phase"):
            show(node_id, told, json_)
            return
        if told.get("phase") == "failed":
            show(node_id, told, json_)
            raise Failure(f"{node_id} could not be updated: {told['reason']}")
        time.sleep(LOOK_S)
    raise Failure(f"{node_id} is still at it", f"Look again: sluis node update {node_id}")
