"""`sluis update`: releases of the gateway itself."""

from __future__ import annotations

import time
from typing import Any

import click

from sluis.cli.client import Client
from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.cli.show import as_json, facts, moment, out, table
from sluis.cli.where import Unreachable, Where

WITHIN_S = 1_800.0
"""A slow card with a large database; the gateway itself gives up long before."""

LOOK_EVERY_S = 1.0


@click.group()
def update() -> None:
    """Update the gateway itself: a release that does not prove itself goes back by itself.

    \b
    sluis update check /media/stick/release
    sluis update install gateway-aarch64-cp311-0.2.0-12.sluis
    sluis update status
    """


@update.command()
@click.argument("source", default="")
@as_json
@click.pass_obj
def check(where: Where, source: str, json_: bool) -> None:
    """Look for a newer release in SOURCE (a repository, a stick, a file), and import it. It is not installed.

    Without SOURCE: the repository in the gateway's settings. Exit code 1 when something was refused.

    \b
    sluis update check
    sluis update check /media/stick/release
    """
    with where.client() as client:
        taken = client.post("bundles", "import", body={"source": source})
        told = client.get("update")
    ours = [one for one in taken if one["name"].startswith("gateway-")]
    if json_:
        out({"imported": ours, "releases": told["releases"]})
    else:
        for one in ours:
            click.echo(f"{one['name']}: {one['said']}")
        show_releases(told)
    if any(one["outcome"] == "refused" for one in ours):
        raise click.exceptions.Exit(EXIT_FINDING)


@update.command("list")
@as_json
@click.pass_obj
def list_(where: Where, json_: bool) -> None:
    """List the releases of the gateway that are here.

    \b
    sluis update list
    """
    with where.client() as client:
        told = client.get("update")
    if json_:
        out(told["releases"])
    else:
        show_releases(told)


@update.command()
@as_json
@click.pass_obj
def status(where: Where, json_: bool) -> None:
    """Show which release runs, and where an update stands. Exit code 1 when the last one went back.

    \b
    sluis update status
    """
    with where.client() as client:
        told = client.get("update")
    if json_:
        out(told)
    else:
        show_status(told)
    if told["step"] == "settled" and told["last"] and told["last"]["outcome"] in ("returned", "refused"):
        raise click.exceptions.Exit(EXIT_FINDING)


@update.command()
@click.argument("bundle", default="")
@click.option("--allow-older", is_flag=True, help="Take one that is older than what runs; with a --reason.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is confirmed or went back.")
@as_json
@click.pass_obj
def install(where: Where, bundle: str, allow_older: bool, reason: str, no_wait: bool, json_: bool) -> None:
    """Install BUNDLE, or the newest release that is here, and wait until it proved itself.

    The gateway lays it beside the release that runs, starts again on a copy of its database, and goes back by itself
    when the new one is not well. Exit code 1 when it went back.

    \b
    sluis update install
    sluis update install gateway-aarch64-cp311-0.2.0-12.sluis --reason "fixes the boiler's readings"
    """
    with where.client() as client:
        name = bundle or newest(client.get("update"))
        told = client.post("update", "install", body={"bundle": name, "allow_older": allow_older, "reason": reason})
    if not no_wait:
        told = followed(where, told, quiet=json_)
    finished(told, json_)


@update.command()
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
@as_json
@click.pass_obj
def undo(where: Where, reason: str, no_wait: bool, json_: bool) -> None:
    """Go back to the release before this one.

    Where that one cannot read today's database, the one of before the update comes back with it; what was taken in
    since then lies beside it.

    \b
    sluis update undo --reason "the panel is slow"
    """
    with where.client() as client:
        told = client.post("update", "undo", body={"reason": reason})
    if not no_wait:
        told = followed(where, told, quiet=json_)
    finished(told, json_)


def newest(told: dict[str, Any]) -> str:
    """The bundle of the newest release that may follow."""
    found = next((one["bundle"] for one in told["releases"] if one["state"] == "newer"), "")
    if not found:
        raise Failure("there is no newer release here", "Look for one: sluis update check SOURCE")
    return str(found)


def followed(where: Where, told: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """The report when the update is over. The gateway is away for a while in between."""
    ended, shown, until = last_end(told), "", time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        try:
            with where.client() as client:
                told = look(client)
        except Unreachable:
            said = "the gateway starts again"
        else:
            if last_end(told) != ended or told["problem"]:
                return told
            said = line(told)
        if said != shown and not quiet:
            click.echo(said)
            shown = said
    raise Failure("the update did not come to an end", "Look at the gateway's log: journalctl -u sluis")


def look(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("update")
    return found


def last_end(told: dict[str, Any]) -> int:
    return int(told["last"]["ended_us"]) if told["last"] else 0


def finished(told: dict[str, Any], json_: bool) -> None:
    if json_:
        out(told)
    else:
        show_status(told)
    if told["problem"] or (told["step"] == "settled" and told["last"] and told["last"]["outcome"] not in GOOD):
        raise click.exceptions.Exit(EXIT_FINDING)


GOOD = ("confirmed", "undone")


def line(told: dict[str, Any]) -> str:
    of = f" {told['done']}/{told['of']}" if told["of"] > 1 else ""
    waits = f": {told['waits_for']}" if told["waits_for"] else ""
    return f"{told['target']}: {told['step']}{of}{waits}"


def show_status(told: dict[str, Any]) -> None:
    last = told["last"]
    facts(
        [
            ("Runs", told["running"] or "a checkout: it is not updated in this way"),
            ("Before", told["previous"]),
            ("Now", line(told) if told["step"] != "settled" else ""),
            ("Problem", told["problem"]),
            ("Last update", f"{last['source']} -> {last['target']}: {last['outcome']}" if last else ""),
            ("When", moment(last["ended_us"]) if last else ""),
            ("Why", last["why"] if last else ""),
            ("Gap", f"from {moment(last['began_us'])} on; see sluis.db.tried" if last and last["gap"] else ""),
        ]
    )


def show_releases(told: dict[str, Any]) -> None:
    table(
        ["Release", "Version", "Sequence", "State", "Why"],
        [[one["bundle"], one["version"], str(one["sequence"]), one["state"], one["why"]] for one in told["releases"]],
        "No releases of the gateway are here: sluis update check SOURCE",
    )
