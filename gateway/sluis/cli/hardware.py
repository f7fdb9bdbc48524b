"""Commands about the header: `sluis board`, `sluis gpio`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.board_try import board_try
from sluis.cli.lazy import Failure
from sluis.cli.run import settings_for
from sluis.cli.show import as_json, facts, out, table

if TYPE_CHECKING:
    from sluis.links.gpio.profiles import Board, Hat


@click.group()
def board() -> None:
    """What is known of boards and HATs: pins, buses, power, how to flash; and virtual boards to rehearse with."""


board.add_command(board_try)


@board.command("list")
@as_json
def board_list(json_: bool) -> None:
    """List the boards and HATs that have a profile.

    \b
    sluis board list
    """
    from sluis.links.gpio.profiles import boards, hats

    if json_:
        out({"boards": _keyed(boards()), "hats": _keyed(hats())})
        return
    rows = [[one.key, "board", one.name, one.chip] for one in boards().values()]
    rows += [[one.key, "HAT", one.name, ", ".join(one.buses)] for one in hats().values()]
    table(["Key", "What", "Name", "Chip or buses"], rows, "No profiles: install Sluis again.")


@board.command("show")
@click.argument("key", required=False)
@as_json
def board_show(key: str | None, json_: bool) -> None:
    """Show the board or HAT KEY: its pins and what they are for. Without KEY the board this is.

    \b
    sluis board show pi-4b
    sluis board show waveshare-relay-3ch
    """
    from sluis.links.gpio.profiles import boards, hats, recognised

    known: dict[str, Board | Hat] = {**boards(), **hats()}
    found = recognised(boards()) if key is None else known.get(key)
    if found is None:
        said = "this machine is no board that is known" if key is None else f"there is no profile {key!r}"
        raise Failure(said, f"One of: {', '.join(known)}")
    if json_:
        out(asdict(found))
        return
    _print(found)


def _print(found: Board | Hat) -> None:
    from sluis.links.gpio.profiles import Board

    click.secho(found.name, bold=True)
    if isinstance(found, Board):
        facts((("Processor", found.soc), ("GPIO chip", found.chip), ("Memory", found.memory)))
        facts((("Supply", found.power.supply), ("Pins", found.power.gpio), ("Flash", found.flash.how)))
        for line in drawing(found):
            click.echo(line)
        rows = [
            [
                bus.name,
                bus.kind,
                " ".join(f"{signal}={gpio}" for signal, gpio in bus.pins.items()),
                bus.enable,
                bus.device,
            ]
            for bus in found.buses.values()
        ]
        table(["Bus", "Kind", "GPIO", "config.txt", "Device"], rows, "")
    else:
        facts((("What", found.about), ("Power", found.power), ("Load", found.load), ("Buses", ", ".join(found.buses))))
        rows = [
            [f"GPIO{pin.gpio}", pin.name, pin.kind, "low" if pin.active_low else "high", pin.about] for pin in found.pin
        ]
        table(["Pin", "Name", "Kind", "On when", "For"], rows, "It has no pins of its own.")
    for note in found.notes:
        click.echo(f"- {note}")


def drawing(found: Board) -> list[str]:
    """The header as one looks at the board with the pins at its right edge and the USB ports below."""
    buses = reversed(tuple(found.buses.values()))
    used = {gpio: f"{signal} {bus.name}" for bus in buses for signal, gpio in bus.pins.items()}
    names = [(name, used.get(int(name[4:]), "") if name.startswith("GPIO") else "") for name in found.header.pins]
    lines = []
    for row in range(0, len(names), 2):
        (left, left_use), (right, right_use) = names[row : row + 2]
        lines.append(f"{left_use:>14} {left:>6} {row + 1:>2} | {row + 2:<2} {right:<6} {right_use}".rstrip())
    return lines


def _keyed(profiles: Any) -> dict[str, Any]:
    return {key: asdict(one) for key, one in profiles.items()}


@click.group()
def gpio() -> None:
    """Pins of the header, without a running gateway."""


@gpio.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file  [default: /etc/sluis/sluis.toml]")
def safe(config: Path | None) -> None:
    """Put every output where its `at_crash` says. The service does this after the gateway has ended, however it ended.

    \b
    sluis gpio safe
    """
    settings = settings_for(config, None)
    if not settings.gpio.pin:
        return
    from sluis.links.gpio.link import GpioLink
    from sluis.runtime import SystemClock

    problem = asyncio.run(GpioLink(settings.gpio, settings.data_dir / "gpio", SystemClock()).make_safe())
    if problem:
        raise Failure(f"outputs could not be made safe: {problem}")
