"""Labels and instruction cards."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from sluis.cli.show import as_json, out, table
from sluis.cli.where import Where

Languages = click.Choice(["nl", "en"])


@click.command()
@click.argument("devices", nargs=-1)
@click.option("--area", default="", help="All devices of an area.")
@click.option("--all", "everything", is_flag=True, help="All devices.")
@click.option("--sheet", default="l7160", show_default=True, help="Sheet of labels; see --stock.")
@click.option("--tape", default="", help="A label printer's label instead: a PNG for one device.")
@click.option("--node", default="", help="A board that is not in use yet, by its number, with its set-up code.")
@click.option("--skip", default=0, help="Labels of the first sheet that are used up.")
@click.option("--copies", default=1, show_default=True, help="Of each label.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--stock", is_flag=True, help="List the sheets and labels we know.")
@as_json
@click.pass_obj
def label(
    where: Where,
    devices: tuple[str, ...],
    area: str,
    everything: bool,
    sheet: str,
    tape: str,
    node: str,
    skip: int,
    copies: int,
    output: Path | None,
    stock: bool,
    json_: bool,
) -> None:
    """Make labels with a QR code that leads to the device's page.

    \b
    sluis label tasmota-dvd-1
    sluis label --area Hal --sheet l7163 --skip 4 -o hal.pdf
    sluis label tasmota-dvd-1 --tape brother-62x29 -o label.png
    sluis label --node e661410403020100 -o board.png
    sluis label --stock
    """
    if stock:
        with where.client() as client:
            known = client.get("label-stock")
        if json_:
            out(known)
        else:
            table(["Key", "What"], [[key, name] for key, name in known.items()], "We know no label stock.")
        return
    if node:
        with where.client() as client:
            made = client.fetch("GET", "nodes", node.lower(), "label", params={"tape": tape or "brother-62x29"})
        written(made, output or Path("label.png"), json_)
        return
    if not (devices or area or everything):
        raise click.UsageError("name devices, or an --area, or say --all")
    if tape and (len(devices) != 1 or area or everything):
        raise click.UsageError("--tape makes the label of one device")
    with where.client() as client:
        if tape:
            made = client.fetch("GET", "devices", devices[0], "label", params={"tape": tape})
        else:
            wish = {"device": list(devices) or None, "area": area, "sheet": sheet, "skip": skip, "copies": copies}
            made = client.fetch("GET", "labels", params=wish)
    written(made, output or Path("label.png" if tape else "labels.pdf"), json_)


@click.group()
def card() -> None:
    """Show, change and print the instruction card of a device.

    \b
    sluis card show tasmota-dvd-1
    sluis card edit tasmota-dvd-1 --language en
    sluis card print tasmota-dvd-1 -o card.pdf
    """


@card.command()
@click.argument("device")
@click.option("--language", type=Languages, default="nl", show_default=True)
@as_json
@click.pass_obj
def show(where: Where, device: str, language: str, json_: bool) -> None:
    """Print the card of DEVICE (Markdown)."""
    with where.client() as client:
        held = client.get("devices", device, "card", language=language)
    if json_:
        out(held)
    else:
        click.echo(held["text"], nl=False)


@card.command()
@click.argument("device")
@click.option("--language", type=Languages, default="nl", show_default=True)
@click.option(
    "--file", type=click.File("r", encoding="utf-8"), help="Take the text from a file (- for standard input)."
)
@as_json
@click.pass_obj
def edit(where: Where, device: str, language: str, file: TextIO | None, json_: bool) -> None:
    """Write the card of DEVICE in your editor, or from a file."""
    with where.client() as client:
        held = client.get("devices", device, "card", language=language)
        text = file.read() if file else click.edit(held["text"], extension=".md")
        if text is None or text == held["text"]:
            click.echo("Nothing was changed.", err=True)
            return
        made = client.put("devices", device, "card", body={"text": text}, language=language)
    if json_:
        out(made)
    else:
        click.echo(f"The card of {device} is written. Undo: sluis card reset {device} --language {language}")


@card.command()
@click.argument("device")
@click.option("--language", type=Languages, default="nl", show_default=True)
@as_json
@click.pass_obj
def reset(where: Where, device: str, language: str, json_: bool) -> None:
    """Go back to the card that is made from what DEVICE offers."""
    with where.client() as client:
        made = client.delete("devices", device, "card", language=language)
    if json_:
        out(made)
    else:
        click.echo(f"{device} has its first card again.")


@card.command("print")
@click.argument("device")
@click.option("--language", type=Languages, default="nl", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("card.pdf"))
@as_json
@click.pass_obj
def print_(where: Where, device: str, language: str, output: Path, json_: bool) -> None:
    """Make a PDF (A5) of the card of DEVICE."""
    with where.client() as client:
        made = client.fetch("GET", "devices", device, "card.pdf", params={"language": language})
    written(made, output, json_)


def written(content: bytes, file: Path, json_: bool) -> None:
    """Write a file and say so."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    if json_:
        out({"file": str(file), "bytes": len(content)})
    else:
        click.echo(f"{file}: {len(content):,} bytes")
