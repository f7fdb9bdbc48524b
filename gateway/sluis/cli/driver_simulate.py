"""`sluis driver simulate`: play a stand-in on a real transport."""

from __future__ import annotations

from pathlib import Path

import click

from sluis.cli.lazy import Failure
from sluis.cli.where import Where


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--broker", help="mqtt: mqtt://[user:password@]host[:port]; the running gateway's own when not said.")
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="net, ble: HOST:PORT to listen on.")
@click.option("--drive", type=click.Path(path_type=Path), help="gpio: the pipe `drive` in the mock's folder.")
@click.option("--seconds", type=float, help="Stop after this long; Ctrl-C stops it too.")
@click.pass_obj
def simulate(
    where: Where, file: Path, broker: str | None, listen: str, drive: Path | None, seconds: float | None
) -> None:
    """Play the stand-in in FILE, so that a gateway meets it as it would meet the device.

    mqtt: publishes at a broker. net: a TCP port. serial: a pseudo terminal. ble: an adapter that hears it (needs the
    Python package bumble). gpio: levels on pins of the mock (gpio.mock_dir).

    \b
    sluis driver simulate acme_t1_sim.py
    sluis driver simulate acme_t2_sim.py --listen 127.0.0.1:4000
    """
    from sluis.cli.simulator import Stage
    from sluis.sdk.loading import stand_in_of_file

    try:
        stand_in = stand_in_of_file(file)()
    except Exception as error:
        raise Failure(f"{file} cannot be used: {error}") from error
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise Failure(f"{listen!r} is no address", "HOST:PORT")
    Stage(stand_in, (host, int(port)), drive, click.echo).play(broker, where.folder, seconds)
