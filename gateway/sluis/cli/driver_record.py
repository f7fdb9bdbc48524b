"""`sluis driver record`: capture what devices really send."""

from __future__ import annotations

from pathlib import Path

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, out
from sluis.cli.where import Where

NOTHING = """Does it speak without being asked? One that must be asked is recorded with --link, while its driver asks.
Record for longer with --seconds, and without SOURCES to hear everything."""
FRAMINGS = ("silence", "line", "modbus-rtu", "p1", "datagram")


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--link", help="Name of a link of the running gateway (sluis links).")
@click.option("--broker", help="mqtt://[user:password@]host[:port]; the running gateway's own when nothing is said.")
@click.option("--adapter", help="A Bluetooth adapter that no gateway uses: hci0, or its address.")
@click.option("--port", help="A serial port that no gateway uses: usb:VID:PID, a path, socket://host:port.")
@click.option("--baud", type=int, default=9600, show_default=True, help="For --port: bits per second.")
@click.option("--peer", help="HOST:PORT (TCP), or udp:HOST:PORT: a device to connect to and listen.")
@click.option(
    "--framing", type=click.Choice(FRAMINGS), default="silence", show_default=True, help="For --port, --peer."
)
@click.option("--out", "file", type=click.Path(path_type=Path), default=Path("recorded.jsonl"), show_default=True)
@click.option("--seconds", type=float, help="Stop after this long; Ctrl-C stops it too.")
@click.option("--count", type=int, help="Stop after this many frames.")
@click.option("--raw", is_flag=True, help="Keep device addresses, keys and passwords as they are.")
@as_json
@click.pass_obj
def record(
    where: Where,
    sources: tuple[str, ...],
    link: str | None,
    broker: str | None,
    adapter: str | None,
    port: str | None,
    baud: int,
    peer: str | None,
    framing: str,
    file: Path,
    seconds: float | None,
    count: int | None,
    raw: bool,
    json_: bool,
) -> None:
    """Record what arrives from SOURCES into a frames file: topics of a broker, devices on a link.

    Addresses of devices, keys and passwords are replaced, always by the same, unless --raw is given. Without SOURCES
    everything on the link is recorded. A source is a filter with + and #, or a name with * and ?.

    \b
    sluis driver record 'acme/#' --out acme-t1.jsonl
    sluis driver record 'tele/+/SENSOR' --broker mqtt://10.0.0.5 --seconds 60
    sluis driver record --link ble 'A4:C1:38:*' --count 20
    sluis driver record --adapter hci0 --seconds 30
    sluis driver record --port /dev/ttyUSB0 --baud 115200 --framing p1 --raw
    """
    from sluis.cli import recorder

    ways = [way for way in (link, broker, adapter, port, peer) if way]
    if len(ways) > 1:
        raise click.UsageError("Choose one of --link, --broker, --adapter, --port and --peer.")
    basket = recorder.Basket(file, sources, count, raw=raw)
    if not json_:
        what, where_from = ", ".join(sources) or "everything", ways[0] if ways else "the gateway's broker"
        click.echo(f"Recording {what} from {where_from} to {file}. Ctrl-C stops.")
    if link:
        with where.client() as client:
            recorder.from_gateway(client, link, basket, seconds)
    elif adapter or port or peer:
        recorder.from_port(recorder.Port(adapter or "", port or "", baud, peer or "", framing), basket, seconds)
    else:
        if not sources:
            raise Failure("which topics?", "sluis driver record 'acme/#'")
        recorder.from_broker(recorder.address_of(broker, where.folder), sources, basket, seconds)
    taken = basket.write()
    if json_:
        out({"frames": taken, "file": str(file)})
        return
    if not taken:
        raise Failure("nothing arrived", NOTHING)
    click.echo(f"{taken} frames in {file}." + ("" if raw else " Addresses and keys are replaced; --raw keeps them."))
    click.echo("Next: sluis driver new VENDOR MODEL --frames " + str(file))
