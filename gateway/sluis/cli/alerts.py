"""Alerts: list, acknowledge, look back."""

from __future__ import annotations

from typing import Any

import click

from sluis.cli.show import age, as_json, coloured, moment, out, table
from sluis.cli.where import Where


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def alerts(ctx: click.Context, json_: bool) -> None:
    """List the open alerts, worst first. Exit code 1 while there are any that nobody has acknowledged.

    \b
    sluis alerts
    sluis alerts ack 17 --note "on my way"
    sluis alerts history --limit 50
    """
    if ctx.invoked_subcommand is not None:
        return
    with ctx.obj.client() as client:
        found = client.every("alerts")
    if json_:
        out(found)
    else:
        alert_table(found, "No open alerts.")
    if any(not each.get("acknowledged_at_us") for each in found):
        ctx.exit(1)


@alerts.command()
@click.argument("number", type=int)
@click.option("--note", default="", help="What you are doing about it.")
@as_json
@click.pass_obj
def ack(where: Where, number: int, note: str, json_: bool) -> None:
    """Acknowledge alert NUMBER: somebody is on it. It clears by itself when its cause is gone."""
    with where.client() as client:
        found = client.post("alerts", str(number), "acknowledge", body={"text": note})
    if json_:
        out(found)
    else:
        click.echo(f"Alert {number} is acknowledged: {found['message']}")


@alerts.command()
@click.option("--limit", default=30, show_default=True, help="How many at most.")
@as_json
@click.pass_obj
def history(where: Where, limit: int, json_: bool) -> None:
    """List past alerts, newest first."""
    with where.client() as client:
        found = client.every("alerts", limit=limit, state="all")
    if json_:
        out(found)
    else:
        alert_table(found, "There has been no alert yet.")


def alert_table(found: list[dict[str, Any]], empty: str) -> None:
    rows = [[str(a["id"]), coloured(a["severity"]), state(a), where_of(a), a["message"]] for a in found]
    table(["No.", "Severity", "State", "Where", "What"], rows, empty)


def where_of(alert: dict[str, Any]) -> str:
    return "/".join(part for part in (alert.get("device"), alert.get("point")) if part) or "gateway"


def state(alert: dict[str, Any]) -> str:
    """Open since, acknowledged by, or cleared at."""
    if alert.get("cleared_at_us"):
        return f"cleared {moment(alert['cleared_at_us'])}"
    if alert.get("acknowledged_at_us"):
        return f"acknowledged by {alert.get('acknowledged_by') or '?'}"
    return f"open since {age(alert.get('opened_at_us'))}"
