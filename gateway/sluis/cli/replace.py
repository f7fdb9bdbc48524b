"""`sluis replace`: a dead device's place is taken by another of the same model."""

from __future__ import annotations

import click

from sluis.cli.devices import resolve
from sluis.cli.show import as_json, out
from sluis.cli.where import Where


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--force", is_flag=True, help="Also while OLD is still heard.")
@as_json
@click.pass_obj
def replace(where: Where, old: str, new: str, reason: str, force: bool, json_: bool) -> None:
    """The device NEW takes the place of the dead device OLD: its name, area, history, limits and rules.

    Both are called by key or name; NEW is mostly one of `sluis discovered`, and must be of the same model. Nothing is
    copied: OLD keeps its key, and is NEW from now on. What was OLD is out of use.

    \b
    sluis replace "Meeting room heater" tasmota-d8bfc01a2b3d --reason "water damage"
    """
    with where.client() as client:
        place, heir = resolve(client, old), resolve(client, new)
        body = {"by": heir["key"], "reason": reason, "force": force}
        made = client.post("devices", place["key"], "replace", body=body)
    if json_:
        out(made)
    else:
        click.echo(f"{made['name']} is {made['native_id']} now. It was {place['native_id']}.")
