"""`sluis run`: the gateway in the foreground, as the service unit starts it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluis.cli.lazy import Failure
from sluis.cli.where import Where
from sluis.model import SluisError

if TYPE_CHECKING:
    from sluis.app.config import Settings
    from sluis.app.gateway import Running

ETC = Path("/etc/sluis/sluis.toml")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file  [default: /etc/sluis/sluis.toml]")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data folder; wins over the configuration.")
@click.pass_obj
def run(where: Where, config: Path | None, data_dir: Path | None) -> None:
    """Run the gateway in the foreground until Ctrl-C or SIGTERM.

    Without a configuration file the built-in settings are used. Exit code 1 when it cannot start or fails.

    \b
    sluis run
    sluis run --config /etc/sluis/sluis.toml
    """
    settings = settings_for(config, data_dir or where.data_dir)
    serve(settings, announce)


def settings_for(config: Path | None, data_dir: Path | None) -> Settings:
    """The settings of this start: from the file named, else the usual one, else built in. ConfigError when wrong."""
    from sluis.app.config import Settings, load

    if config is not None and not config.exists():
        raise Failure(f"there is no configuration file {config}")
    own = data_dir / "sluis.toml" if data_dir else None
    found = config or next((path for path in (own, ETC) if path is not None and path.exists()), None)
    settings = load(found) if found else Settings()
    return replace(settings, data_dir=data_dir) if data_dir else settings


def serve(settings: Settings, on_ready: object) -> None:
    """Run a gateway here; what makes it fail becomes a sentence."""
    from sluis.app.gateway import run as run_gateway

    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    for talkative in ("httpx", "uvicorn.access"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        run_gateway(settings, on_ready)  # type: ignore[arg-type]  # Callable[[Running], None], kept out of the imports
    except* (SluisError, OSError) as group:
        first = leaf(group)
        hint = first.hint if isinstance(first, SluisError) else "Choose another folder with --data-dir, or use sudo."
        raise Failure(str(first), hint) from None


def leaf(group: BaseException) -> BaseException:
    """The first real error inside nested groups."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def announce(running: Running) -> None:
    """Say where the panel is, and the set-up code where there is one."""
    click.echo(f"Sluis is ready. Panel: {running.url or '(none)'}")
    if running.setup_code:
        click.echo(f"Nobody has an account yet. Set-up code (works once): {running.setup_code}")
