"""`sluis selftest`: proofs on your own machine."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import click

from sluis.model import SluisError


@click.group()
def selftest() -> None:
    """Prove durability on this machine: kill a gateway under load, jump its clock, count what is left.

    A gateway of its own is started in a temporary folder; one that is running is not touched.
    """


@selftest.command()
@click.option("--kills", default=20, show_default=True, help="How often the gateway is killed (SIGKILL).")
@click.option("--broker-kills", default=0, show_default=True, help="How often its broker is killed too.")
@click.option("--rate", default=300.0, show_default=True, help="Messages per second.")
@click.option("--seed", type=int, help="Repeat the same moments of death.")
@click.option("--keep", type=click.Path(path_type=Path), help="Use and keep this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def crash(kills: int, broker_kills: int, rate: float, seed: int | None, keep: Path | None, as_json: bool) -> None:
    """Kill the gateway under load; every acknowledged message must be stored exactly once.

    \b
    Examples:
      sluis selftest crash --kills 200
      sluis selftest crash --kills 50 --broker-kills 50 --json
    """
    from rich.progress import Progress

    from sluis.selftest.crash import run_crash

    folder = keep or Path(tempfile.mkdtemp(prefix="sluis-selftest-"))
    try:
        with Progress(disable=as_json, transient=True) as bar:
            task = bar.add_task("killing", total=kills + broker_kills)
            report = run_crash(
                folder,
                kills,
                broker_kills=broker_kills,
                rate_per_s=rate,
                seed=seed,
                progress=lambda done, acknowledged: bar.update(
                    task, completed=done, description=f"{acknowledged} acknowledged"
                ),
            )
    except SluisError:
        keep = folder  # the sentence names the log in it
        raise
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    show(dataclasses.asdict(report), as_json)
    if not report.passed:
        raise SystemExit(1)


@selftest.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Use and keep this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def clock(keep: Path | None, as_json: bool) -> None:
    """Jump the clock two weeks both ways under load; nothing may be lost, merged, out of order or misdated.

    \b
    Example:
      sluis selftest clock
    """
    import asyncio

    from sluis.selftest.clock import run_clock

    folder = keep or Path(tempfile.mkdtemp(prefix="sluis-selftest-"))
    try:
        report = asyncio.run(run_clock(folder))
    except SluisError:
        keep = folder  # the sentence names the log in it
        raise
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    show(dataclasses.asdict(report), as_json)
    if not report.passed:
        raise SystemExit(1)


def show(figures: dict[str, float], as_json: bool) -> None:
    """A report, for people or programs."""
    if as_json:
        click.echo(json.dumps(figures))
        return
    for key, value in figures.items():
        click.echo(
            f"{key.replace('_', ' '):16} {value:.1f}"
            if isinstance(value, float)
            else f"{key.replace('_', ' '):16} {value}"
        )
