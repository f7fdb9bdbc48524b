"""The asset register."""

from __future__ import annotations

from pathlib import Path

import click

from sluis.cli.devices import product
from sluis.cli.papers import written
from sluis.cli.show import as_json, moment, out, table
from sluis.cli.where import Where


@click.command()
@click.option("--csv", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file for a spreadsheet.")
@as_json
@click.pass_obj
def assets(where: Where, csv: Path | None, json_: bool) -> None:
    """List what is or was in use: number, place, product, serial, firmware, since when and by whom.

    \b
    sluis assets
    sluis assets --csv register.csv
    sluis assets --json | jq -r '.[] | select(.state == "retired") | .name'
    """
    with where.client() as client:
        if csv is not None:
            written(client.fetch("GET", "asset-register.csv"), csv, json_)
            return
        found = client.get("asset-register")
    if json_:
        out(found)
        return
    rows = [
        [
            one["asset_number"] or "-",
            one["name"],
            one["area"] or "-",
            product(one),
            one["serial"] or one["native_id"],
            one["firmware"] or "-",
            moment(one["in_use_since_us"]),
            one["in_use_by"] or "-",
            one["state"],
        ]
        for one in found
    ]
    headings = ["Number", "Name", "Area", "Product", "Serial", "Firmware", "In use since", "By", "State"]
    table(headings, rows, "Nothing is in use yet. See what was found with `sluis discovered`.")
