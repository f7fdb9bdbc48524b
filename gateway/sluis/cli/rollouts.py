"""`sluis rollout`: a release for many nodes, in waves."""

from __future__ import annotations

import time
from typing import Any

import click

from sluis.cli.client import Client
from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.cli.show import as_json, facts, out, table
from sluis.cli.where import Where

LOOK_S = 1.0
PLAIN = ("at_once", "failures", "soak_s", "silence_s", "promise_free_bytes", "promise_every_s")
ENDED = ("done", "paused", "aborted", "undone")


@click.group()
def rollout() -> None:
    """Give a release to many nodes, in waves that stop by themselves.

    \b
    sluis rollout plan any-0.3.0-14.sluis --area "Floor 1"
    sluis rollout begin any-0.3.0-14.sluis --area "Floor 1" --follow
    sluis rollout show
    sluis rollout undo 3f2a90b1c4d5 --reason "too slow"
    """


def _chosen(command: Any) -> Any:
    """The options that say what, to whom and how."""
    options = [
        click.argument("bundle"),
        click.option("--area", "areas", multiple=True, help="Only nodes in this area, or below it; repeatable."),
        click.option("--board", "boards", multiple=True, help="Only this kind of board, or family; repeatable."),
        click.option("--version", "versions", multiple=True, help="Only nodes that run this version; repeatable."),
        click.option("--node", "nodes", multiple=True, help="Only this node; repeatable."),
        click.option(
            "--wave", "waves", multiple=True, help="A wave: a number, a share as 10%, or rest.  [default: 1, 10%, rest]"
        ),
        click.option("--at-once", default=10, show_default=True, help="Nodes under way at one moment."),
        click.option(
            "--failures",
            default="1",
            show_default=True,
            help="So many failed in a wave bring it back: a number, or a share as 20%.",
        ),
        click.option(
            "--soak", "soak_s", default=600.0, show_default=True, help="Seconds that a wave must hold before the next."
        ),
        click.option(
            "--silence",
            "silence_s",
            default=900.0,
            show_default=True,
            help="Seconds after which one that says nothing has failed.",
        ),
        click.option(
            "--promise-free",
            "promise_free_bytes",
            default=0,
            help="Bytes of memory that stay free on each; one with less goes back.  [default: nothing is promised]",
        ),
        click.option(
            "--promise-every",
            "promise_every_s",
            default=0.0,
            help="Seconds within which each reports; one that does not goes back.  [default: nothing is promised]",
        ),
        click.option(
            "--window",
            "windows",
            multiple=True,
            metavar="[DAYS ]FROM-UNTIL",
            help='Only then, e.g. "sat,sun 22:00-06:00"; repeatable.',
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _wish(bundle: str, **how: Any) -> dict[str, Any]:
    windows = [_window(text) for text in how.pop("windows")]
    lists = {key: list(how[key]) for key in ("areas", "boards", "versions", "nodes")}
    waves = {"waves": list(how["waves"])} if how["waves"] else {}
    rest = {key: how[key] for key in PLAIN}
    return {"bundle": bundle, **lists, **waves, **rest, "windows": windows}


def _window(text: str) -> dict[str, Any]:
    days, _, span = text.strip().rpartition(" ")
    begins, dash, ends = span.partition("-")
    if not dash:
        raise click.UsageError(f'{text!r} is no window; write it as "sat,sun 22:00-06:00" or 22:00-06:00.')
    return {"begins": begins, "ends": ends} | ({"days": [day.strip() for day in days.split(",")]} if days else {})


@rollout.command()
@_chosen
@as_json
@click.pass_obj
def plan(where: Where, /, bundle: str, json_: bool, **how: Any) -> None:
    """Show who would get BUNDLE in which wave, who would not and why, and how long it takes.

    \b
    sluis rollout plan any-0.3.0-14.sluis
    sluis rollout plan any-0.3.0-14.sluis --board pico-w --wave 2 --wave 25% --wave rest
    """
    with where.client() as client:
        told = client.post("rollouts", "forecast", body=_wish(bundle, **how))
    if json_:
        out(told)
    else:
        _forecast(told)


def _forecast(told: dict[str, Any]) -> None:
    rows = [
        (
            str(number),
            str(len(wave)),
            f"{seconds / 60:.0f} min",
            ", ".join(wave[:4]) + (" ..." if len(wave) > 4 else ""),
        )
        for number, (wave, seconds) in enumerate(zip(told["waves"], told["seconds"], strict=True), 1)
    ]
    table(("Wave", "Nodes", "At least", "Which"), rows, "Nobody would get it.")
    if rows:
        click.echo(f"In all {sum(told['seconds']) / 60:.0f} minutes at least.")
    for one in told["left_out"]:
        click.echo(f"- {one['node']} is left out: {one['code']}")


@rollout.command()
@_chosen
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--follow", "follow_", is_flag=True, help="Show how it goes until it ends or pauses.")
@click.option("--reason", default="", help="For the audit log.")
@as_json
@click.pass_obj
def begin(where: Where, /, bundle: str, yes: bool, follow_: bool, reason: str, json_: bool, **how: Any) -> None:
    """Begin to give BUNDLE to nodes. What would be done is shown first.

    \b
    sluis rollout begin any-0.3.0-14.sluis
    sluis rollout begin any-0.3.0-14.sluis --window "sat,sun 22:00-06:00" --failures 5% --yes
    """
    wish = _wish(bundle, **how)
    with where.client() as client:
        if not yes:
            told = client.post("rollouts", "forecast", body=wish)
            _forecast(told)
            if not told["waves"] or not click.confirm("Begin?"):
                raise click.Abort
        made = client.post("rollouts", body=wish | {"reason": reason})
        if follow_:
            made = _follow(client, made["id"], json_)
    if json_:
        out(made)
    else:
        _show(made)
    if follow_ and (made["phase"] != "done" or made["failed"]):
        raise click.exceptions.Exit(EXIT_FINDING)


def _follow(client: Client, rollout_id: str, json_: bool) -> dict[str, Any]:
    """Ctrl-C stops looking; the rollout goes on."""
    last = ""
    while True:
        made: dict[str, Any] = client.get("rollouts", rollout_id)
        said = _words(made)
        if said != last and not json_:
            click.echo(said, err=True)
            last = said
        if made["phase"] in ENDED:
            return made
        time.sleep(LOOK_S)


def _words(made: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {step}" for step, count in sorted(made["counts"].items()))
    soak = ", soaking" if made["soaking"] else "" if made["window_open"] else ", outside its window"
    return f"{made['phase']}, wave {made['wave']} of {len(made['waves'])}{soak}: {counts}; {made['failed']} failed"


@rollout.command("list")
@as_json
@click.pass_obj
def list_(where: Where, json_: bool) -> None:
    """List rollouts, the newest first.

    \b
    sluis rollout list
    sluis rollout list --json
    """
    with where.client() as client:
        held = client.get("rollouts")
    if json_:
        out(held)
    else:
        rows = [
            (one["id"], one["bundle"], one["phase"], f"{one['wave']}/{len(one['waves'])}", str(one["failed"]))
            for one in held
        ]
        empty = "There was no rollout yet. Begin one: sluis rollout begin BUNDLE"
        table(("Rollout", "Release", "Phase", "Wave", "Failed"), rows, empty)


@rollout.command()
@click.argument("rollout_id", metavar="[ROLLOUT]", required=False)
@click.option("--follow", "follow_", is_flag=True, help="Show how it goes until it ends or pauses.")
@as_json
@click.pass_obj
def show(where: Where, rollout_id: str | None, follow_: bool, json_: bool) -> None:
    """Show ROLLOUT with each of its nodes; without one, the newest.

    \b
    sluis rollout show
    sluis rollout show 3f2a90b1c4d5 --follow
    """
    with where.client() as client:
        held = _one(client, rollout_id)
        made = _follow(client, held, json_) if follow_ else client.get("rollouts", held)
    if json_:
        out(made)
    else:
        _show(made)


def _one(client: Client, rollout_id: str | None) -> str:
    if rollout_id:
        return rollout_id
    held = client.get("rollouts")
    if not held:
        raise Failure("there was no rollout yet", "Begin one: sluis rollout begin BUNDLE")
    return str(held[0]["id"])


def _show(made: dict[str, Any]) -> None:
    facts([("Rollout", made["id"]), ("Release", made["bundle"]), ("By", made["by"]), ("Is", _words(made))])
    rows = [
        (
            one["node"],
            str(one["wave"]),
            one["step"] + (f" {one['percent']} %" if one["step"] == "fetching" else ""),
            one["failed"],
            one["why"],
        )
        for one in made["members"]
    ]
    table(("Node", "Wave", "Step", "Failed", "Why"), rows, "It has no nodes.")
    for one in made["left_out"]:
        click.echo(f"- {one['node']} was left out: {one['code']}")


def _asking(what: str, help_: str) -> None:
    """`sluis rollout pause` and its like."""

    @rollout.command(what, help=f"{help_}\n\n\b\nsluis rollout {what} 3f2a90b1c4d5 --reason maintenance")
    @click.argument("rollout_id", metavar="[ROLLOUT]", required=False)
    @click.option("--reason", default="", help="For the audit log.")
    @as_json
    @click.pass_obj
    def ask(where: Where, rollout_id: str | None, reason: str, json_: bool) -> None:
        with where.client() as client:
            made = client.post("rollouts", _one(client, rollout_id), what, body={"reason": reason})
        if json_:
            out(made)
        else:
            _show(made)


_asking("pause", "Touch nobody further in ROLLOUT; what is under way ends.")
_asking("resume", "Go on with ROLLOUT; those that were brought back are tried again, those that failed are not.")
_asking("retry", "Try the failed nodes of ROLLOUT again.")
_asking("abort", "End ROLLOUT: what is not confirmed goes back, what is stays.")
_asking("undo", "Bring all nodes of ROLLOUT back to what they ran: a switch, no download.")
