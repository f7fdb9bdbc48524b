"""`sluis doctor`: independent checks of this installation, each with what, why and what to do."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from sluis.cli.doctor import installation, machine
from sluis.cli.doctor.finding import Finding, Level, Place, note
from sluis.cli.doctor.releases import releases
from sluis.cli.show import as_json, out
from sluis.cli.where import Where

CHECKS: tuple[Callable[[Place], Iterable[Finding]], ...] = (
    installation.running,
    installation.config,
    installation.broker,
    installation.database,
    installation.backups,
    installation.secrets,
    installation.certificates,
    releases,
    machine.clock,
    machine.disk,
    machine.memory,
    machine.power,
    machine.card,
    machine.python_version,
    machine.sqlite_version,
    machine.board,
)
MARKS = {Level.OK: ("ok   ", "green"), Level.NOTE: ("note ", "yellow"), Level.WRONG: ("WRONG", "red")}
ETC = Path("/etc/sluis/sluis.toml")


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file, where it is not a usual place."
)
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)
@as_json
@click.pass_obj
def doctor(where: Where, config: Path | None, root: Path, json_: bool) -> None:
    """Check this installation and say what to do.

    Looks at the gateway, its configuration, broker, database, backups, secrets, certificates and releases, and at the
    machine's clock, disk, memory, power and card. Exit code 1 when something has to be done.

    \b
    sluis doctor
    sluis doctor --json | jq '.[] | select(.level == "wrong")'
    """
    place = Place(where.folder, config or usual_config(where.folder), root, time.time())
    findings = examine(place)
    if json_:
        out([dataclasses.asdict(each) for each in findings])
    else:
        report(findings)
    if any(each.level is Level.WRONG for each in findings):
        raise click.exceptions.Exit(1)


def usual_config(folder: Path) -> Path | None:
    return next((each for each in (folder / "sluis.toml", ETC) if each.exists()), None)


def examine(place: Place) -> list[Finding]:
    """All checks. One that cannot be made says so and stops no other."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(place)
        except OSError as error:
            findings.append(note(check.__name__, f"could not be checked: {error}"))
    return findings


def report(findings: list[Finding]) -> None:
    width = max(len(each.check) for each in findings)
    for each in findings:
        mark, colour = MARKS[each.level]
        click.echo(f"{click.style(mark, fg=colour)}  {each.check.ljust(width)}  {each.what}")
        if each.level is not Level.OK:
            for text in filter(None, (each.why, each.todo and f"To do: {each.todo}")):
                click.echo(f"{' ' * (width + 9)}{text}")
    count = sum(each.level is Level.WRONG for each in findings)
    click.echo()
    click.echo(
        "Nothing has to be done." if not count else f"{count} thing{'s have' if count > 1 else ' has'} to be done."
    )
