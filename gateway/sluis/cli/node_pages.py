"""Why an update of a node went back, for people."""

from __future__ import annotations

from typing import Any

import click

from sluis.cli.show import facts, moment, out, table


def show(node_id: str, told: dict[str, Any], json_: bool) -> None:
    """A node's page, or that it has none."""
    if json_:
        out(told)
        return
    page = told["page"]
    if page is None:
        click.echo(f"No update of {node_id} has gone back." + ("" if told["heard"] else " (It does not answer now.)"))
        return
    facts(
        [
            ("Node", node_id),
            ("Fault", page["print"]),
            ("Gave up", f"{page['version'] or 'a version'} (number {page['sequence']}, slot {page['slot']})"),
            ("Reset by", page["reset_cause"]),
            ("Seen", moment(page["seen_us"]) + ("" if told["heard"] else "; it does not answer now")),
        ]
    )
    for text in ("\n".join(page["lines"]), page["traceback"]):
        if text:
            click.echo(f"\n{text}")


def show_all(told: list[dict[str, Any]], json_: bool) -> None:
    """Every fault, and the nodes that have it."""
    if json_:
        out(told)
        return
    rows = [
        [one["print"], str(len(one["nodes"])), one["page"]["version"], last_line(one["page"]), ", ".join(one["nodes"])]
        for one in told
    ]
    table(["Fault", "Nodes", "Version", "What", "Which"], rows, "No update of a node has gone back.")


def last_line(page: dict[str, Any]) -> str:
    """What a page comes down to."""
    told = [line for line in (*page["lines"], *page["traceback"].splitlines()) if line.strip()]
    return str(told[-1]).strip()[:80] if told else str(page["reset_cause"])
