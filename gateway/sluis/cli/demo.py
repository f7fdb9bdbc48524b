"""`sluis demo`: a gateway with an office of stand-in devices, so that everything can be tried without hardware."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.where import Unreachable, Where
from sluis.model import SluisError

if TYPE_CHECKING:
    from sluis.app.config import Settings
    from sluis.app.gateway import Running

ADOPT = (
    ("d8bfc01a2b3c", "Meeting room heater", "Meeting room", "DEMO-001"),
    ("d8bfc04d5e6f", "Coffee machine", "Reception", "DEMO-002"),
    ("shellyplus1pm-a8032ab1c2d4", "Office lights", "Office", "DEMO-003"),
    ("0x00158d0004a1b2c3", "Office climate", "Office", "DEMO-004"),
    ("0x000b57fffe8e083c", "Reception lamp", "Reception", "DEMO-005"),
    ("0x00158d0002d4e5f6", "Office window", "Office", "DEMO-006"),
    ("a0b765c4d3e2", "Greenhouse", "Greenhouse", "DEMO-007"),
)
"""What the first start takes into use: a word of its identity, name, area, asset number. The rest (the air monitor,
the printer's plug, the button) stays discovered, so that there is something to adopt."""
ADOPT_WITHIN_S = 60.0
LOOK_S = 0.5
RULES = """\
# Example rules of the demo. Edit them here or on the Rules page; a change counts within seconds.

[rules.heater-left-on]
when = {above = 1000}
on = {quantity = "power", area = "Meeting room"}
for_s = 120
severity = "info"
title = {en = "The heater is still on", nl = "De kachel staat nog aan"}

[rules.greenhouse-dry]
when = {below = 25, clear = 30}
on = {quantity = "moisture", area = "Greenhouse"}
for_s = 60
severity = "warning"
title = {en = "The greenhouse needs water", nl = "De kas heeft water nodig"}
"""


@click.group(invoke_without_command=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data folder  [default: ./var/demo]")
@click.option("--speed", default=1.0, show_default=True, help="Office seconds per second: 60 makes an hour a minute.")
@click.option("--crowd", default=0, help="So many generic devices besides, for trying out scale.")
@click.option("--every", default=10.0, show_default=True, help="Seconds between two messages of one of the crowd.")
@click.option("--seed", default=1, help="Chance's seed: the same seed gives the same noise.")
@click.pass_context
def demo(ctx: click.Context, data_dir: Path | None, speed: float, crowd: int, every: float, seed: int) -> None:
    """Run a gateway with an office of stand-in devices. No hardware needed.

    Two Tasmota plugs, a Shelly relay, a Zigbee2MQTT bridge with five devices, an ESPHome node and a CO2 monitor
    speak their real protocols. Most are taken into use at the first start; the rest waits under Discovered.
    Ctrl-C stops everything; the data folder stays.

    \b
    sluis demo
    sluis demo --speed 60
    sluis demo misbehave heater drop --for 60
    """
    folder = data_dir or ctx.obj.data_dir or Path("var/demo")
    ctx.obj.data_dir = folder
    if ctx.invoked_subcommand is None:
        options = ["--speed", str(speed), "--seed", str(seed), "--crowd", str(crowd), "--every", str(every)]
        run_demo(folder.resolve(), options, crowd)


def run_demo(folder: Path, options: list[str], crowd: int) -> None:
    """The gateway in this process, its outside world in another."""
    from sluis.cli.run import serve
    from sluis.demo.accounts import issue

    refuse_a_second(folder)
    first = prepare(folder)
    director = Director(folder, issue(folder, crowd), options, first)
    try:
        serve(demo_settings(folder), director.on_ready)
    finally:
        director.close()


def refuse_a_second(folder: Path) -> None:
    """Before anything is touched: is a gateway running in this folder? (Its own lock decides in the end.)"""
    with contextlib.suppress(OSError, ValueError, KeyError):
        pid = json.loads((folder / "run" / "gateway.json").read_text())["pid"]
        if "sluis" in Path(f"/proc/{pid}/cmdline").read_text():
            raise Failure(f"process {pid} runs a gateway in {folder}", "Stop it first, or choose another --data-dir.")


def prepare(folder: Path) -> bool:
    """Make the data folder of a first start, with example rules; whether this is one."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "demo.json").exists():
        return False
    if not (folder / "rules.toml").exists():
        (folder / "rules.toml").write_text(RULES)
    return True


def demo_settings(folder: Path) -> Settings:
    """Loopback only, any free broker ports, and the panel's usual port unless somebody has it."""
    from sluis.app.config import Settings
    from sluis.cli.run import settings_for

    if (folder / "sluis.toml").exists():
        return settings_for(None, folder)
    settings = Settings(data_dir=folder)
    panel = replace(settings.panel, port=settings.panel.port if is_free(settings.panel.port) else 0, site_name="Demo")
    panel = replace(panel, trust_port=panel.trust_port if is_free(panel.trust_port) else 0)
    broker = replace(settings.broker, local_port=0, tls_host="127.0.0.1", tls_port=0)
    return replace(settings, panel=panel, broker=broker, log_level="warning")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Director:
    """Starts the stand-ins when the gateway is ready, and takes the first ones into use as a person would."""

    def __init__(self, folder: Path, accounts: Path, options: list[str], first: bool) -> None:
        self._folder = folder
        self._command = [sys.executable, "-m", "sluis.demo", "--accounts", str(accounts), *options]
        self._command += ["--control", str(folder / "run" / "demo.sock")]
        self._first = first
        self._stopping = threading.Event()
        self._site: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def on_ready(self, running: Running) -> None:
        """The gateway is ready: called on its loop, returns at once."""
        self._site = subprocess.Popen([*self._command, "--broker", running.broker])  # noqa: S603  # our own module
        self._greet(running)
        if self._first:
            self._thread = threading.Thread(target=self._adopt, name="demo-adopts", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop the stand-ins, in order."""
        self._stopping.set()
        if self._site is not None:
            self._site.terminate()
            try:
                self._site.wait(5)
            except subprocess.TimeoutExpired:
                self._site.kill()
                self._site.wait()
        if self._thread is not None:
            self._thread.join(5)

    def _greet(self, running: Running) -> None:
        click.echo()
        click.echo(click.style("  Sluis is ready.", bold=True))
        click.echo(f"  Panel        {running.url}")
        if running.setup_code:
            click.echo(f"  Set-up code  {running.setup_code}   (works once: makes the first admin)")
        click.echo(f"  Certificate  {running.ca}   (trust it once: docs/how-to)")
        sluis = called()
        click.echo(f"  Try          {sluis} devices     {sluis} watch     {sluis} demo misbehave heater drop")
        click.echo("  Stop         Ctrl-C")
        click.echo()

    def _adopt(self) -> None:
        """Adopt the devices of the list as they are discovered; then remember that the first start is done."""
        left = list(ADOPT)
        for _ in range(int(ADOPT_WITHIN_S / LOOK_S)):
            if self._stopping.wait(LOOK_S):
                return
            try:
                left = self._adopt_some(left)
            except SluisError as error:
                click.echo(f"demo: {error}", err=True)
            if not left:
                break
        if left:
            click.echo(f"demo: not discovered: {', '.join(name for _, name, _, _ in left)}", err=True)
        (self._folder / "demo.json").write_text(json.dumps({"adopted": len(ADOPT) - len(left)}) + "\n")

    def _adopt_some(self, left: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
        """Adopt what is there; returns what is not there yet."""
        with Where(self._folder).client() as client:
            there = client.every("discovered")
            missing = []
            for wanted in left:
                found = next((each for each in there if is_it(each, wanted[0])), None)
                if found is None:
                    missing.append(wanted)
                    continue
                body = {"name": wanted[1], "area": wanted[2], "asset_number": wanted[3]}
                client.post("discovered", found["key"], "adopt", body=body)
        return missing


def is_it(device: dict[str, Any], identity: str) -> bool:
    said = " ".join(str(device.get(field, "")) for field in ("key", "native_id", "serial", "name"))
    return identity in said.lower()


KINDS = ("drop", "silent", "garbage", "flood", "lag", "stuck", "duplicate", "well")


@demo.command()
@click.argument("device")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--for", "for_s", default=30.0, show_default=True, help="Seconds it lasts.")
@click.option("--amount", default=0.0, help="Messages a second for flood, seconds late for lag.")
@click.pass_obj
def misbehave(where: Where, device: str, kind: str, for_s: float, amount: float) -> None:
    """Make a stand-in misbehave: DEVICE is heater, coffee, lights, zigbee, greenhouse or air.

    \b
    drop       off the network without a goodbye      silent     connected, but says nothing
    garbage    damaged messages                       flood      AMOUNT messages a second (500)
    lag        everything AMOUNT seconds late (5)     stuck      sensors freeze
    duplicate  everything twice                       well       behave again

    \b
    sluis demo misbehave heater drop --for 60
    sluis demo misbehave zigbee flood --amount 2000 --for 10
    """
    order = {"device": device, "kind": kind, "for_s": for_s, "amount": amount}
    said = tell(where.folder / "run" / "demo.sock", order)
    if said.startswith("error"):
        raise Failure(said.removeprefix("error: "))
    click.echo(said.removeprefix("ok: "))


def tell(control: Path, order: dict[str, Any]) -> str:
    """Send an order to the running demo site; its answer."""
    from sluis.demo.site import short_path

    try:
        with short_path(control) as path, socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(path)
            line.sendall(json.dumps(order).encode() + b"\n")
            return line.makefile().readline().strip()
    except OSError as error:
        raise Unreachable(
            f"no demo is running with data folder {control.parent.parent}", hint="Start it: sluis demo"
        ) from error


OnReady = Callable[["Running"], None]


def called() -> str:
    """How this program is called from here: its name where the shell finds it, else its path."""
    program = Path(sys.argv[0])
    if shutil.which("sluis") or program.name != "sluis":
        return "sluis"
    return os.path.relpath(program)
