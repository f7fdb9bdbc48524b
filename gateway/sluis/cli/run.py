"""`sluis run`: the gateway in the foreground, as the service does it."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sluis.app import Running

CONFIG = Path("/etc/sluis/sluis.toml")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=CONFIG, show_default=True, help="Settings file.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep data here instead of where the settings say.")
def run(config: Path, data_dir: Path | None) -> None:
    """Run the gateway in the foreground until Ctrl-C or SIGTERM.

    \b
    Examples:
      sluis run
      sluis run --config ./sluis.toml --data-dir ./var/test
    """
    from sluis import app

    settings = app.load(config)
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    set_up_logging(settings.log_level)
    app.run(settings, welcome)


def welcome(running: Running) -> None:
    """Say where the panel is, and the set-up code while there is no account yet."""
    click.echo(f"Sluis is ready: {running.url}")
    if running.setup_code:
        click.echo(f"First visit: set up with the one-time code {running.setup_code}")


def set_up_logging(level: str) -> None:
    """To stderr; under systemd without the time, which the journal adds."""
    form = "%(levelname)-7s %(name)s: %(message)s"
    if "JOURNAL_STREAM" not in os.environ:
        form = f"%(asctime)s {form}"
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=form)
