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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.demo_devices import ADOPT, POLLED, add, adopt, ports
from sluis.cli.demo_nodes import Technician, folder_of, missing, node_port
from sluis.cli.lazy import Failure
from sluis.cli.where import Unreachable, Where
from sluis.model import SluisError

if TYPE_CHECKING:
    from sluis.app.config import Settings
    from sluis.app.gateway import Running

ADOPT_WITHIN_S = 60.0
NODES_WITHIN_S = 180.0
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
    speak their real protocols; an energy meter (Modbus TCP) and a projector (PJLink) are asked. In the boiler room, two
    nodes run our own firmware on virtual boards (x86_64). Most are taken into use at the first start; the rest waits
    under Discovered.
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
    prepare(folder)
    settings = demo_settings(folder)
    director = Director(folder, issue(folder, crowd), options, settings.broker.tls_port)
    try:
        serve(settings, director.on_ready)
    finally:
        director.close()


def refuse_a_second(folder: Path) -> None:
    """Before anything is touched: is a gateway running in this folder? (Its own lock decides in the end.)"""
    with contextlib.suppress(OSError, ValueError, KeyError):
        pid = json.loads((folder / "run" / "gateway.json").read_text())["pid"]
        if "sluis" in Path(f"/proc/{pid}/cmdline").read_text():
            raise Failure(f"process {pid} runs a gateway in {folder}", "Stop it first, or choose another --data-dir.")


def prepare(folder: Path) -> None:
    """Make the data folder of a first start, with example rules."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "demo.json").exists() and not (folder / "rules.toml").exists():
        (folder / "rules.toml").write_text(RULES)


def demo_settings(folder: Path) -> Settings:
    """Loopback only, any free broker ports, and the panel's usual port unless somebody has it."""
    from sluis.app.config import Settings
    from sluis.cli.run import settings_for
    from sluis.intake.known import slug

    if (folder / "sluis.toml").exists():
        return settings_for(None, folder)
    settings = Settings(data_dir=folder)
    panel = replace(settings.panel, port=settings.panel.port if is_free(settings.panel.port) else 0, site_name="Demo")
    panel = replace(panel, trust_port=panel.trust_port if is_free(panel.trust_port) else 0)
    panel = replace(panel, main_meters=(slug(f"modbus-127.0.0.1:{ports(folder)['meter']}"),))
    broker = replace(settings.broker, local_port=0, tls_host="127.0.0.1", tls_port=node_port(folder))
    return replace(settings, panel=panel, broker=broker, log_level="warning")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Done:
    """What earlier starts have taken into use. What a person took out of use since then stays out."""

    adopted: bool = False
    added: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: Path) -> Done:
        file = folder / "demo.json"
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            return cls(True, frozenset(json.loads(file.read_text()).get("added", ())))
        return cls(file.exists())

    @property
    def all(self) -> bool:
        return self.adopted and self.added >= POLLED.keys()

    def keep(self, folder: Path) -> None:
        (folder / "demo.json").write_text(json.dumps({"adopted": len(ADOPT), "added": sorted(self.added)}) + "\n")


class Director:
    """Starts the stand-ins when the gateway is ready, and takes the first ones into use as a person would."""

    def __init__(self, folder: Path, accounts: Path, options: list[str], tls_port: int) -> None:
        self._folder = folder
        self._ports = ports(folder)
        self._done = Done.of(folder)
        self._command = [sys.executable, "-m", "sluis.demo", "--accounts", str(accounts), *options]
        self._command += ["--control", str(folder / "run" / "demo.sock"), "--memory", str(folder / "demo-meter.json")]
        self._command += [word for name, port in self._ports.items() for word in (f"--{name}", str(port))]
        self._command += ["--nodes", str(folder_of(folder))]
        self._technician = Technician(folder, tls_port)
        self._stopping = threading.Event()
        self._site: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []

    def on_ready(self, running: Running) -> None:
        """The gateway is ready: called on its loop, returns at once."""
        self._site = subprocess.Popen([*self._command, "--broker", running.broker])  # noqa: S603  # our own module
        self._greet(running)
        if not self._done.all:
            self._work(self._adopt)
        if self._technician.left:
            self._work(self._enrol)

    def _work(self, task: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=task, name=f"demo{task.__name__}", daemon=True))
        self._threads[-1].start()

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
        for thread in self._threads:
            thread.join(5)

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
        """Take into use what is to be, as it is discovered; then remember that, so that it is done once."""
        left = [] if self._done.adopted else list(ADOPT)
        to_add = [name for name in POLLED if name not in self._done.added]
        for _ in range(int(ADOPT_WITHIN_S / LOOK_S)):
            try:
                with Where(self._folder).client() as client:
                    while to_add:
                        add(client, to_add[0], self._ports[to_add[0]])
                        to_add.pop(0)
                    left = adopt(client, left) if left else []
            except SluisError as error:
                click.echo(f"demo: {error}", err=True)
            if not (left or to_add) or self._stopping.wait(LOOK_S):
                break
        if self._stopping.is_set():
            return
        if left or to_add:
            names = [name for _, name, _, _ in left] + [POLLED[name].name for name in to_add]
            click.echo(f"demo: not taken into use: {', '.join(names)}", err=True)
        Done(True, frozenset(POLLED) - set(to_add)).keep(self._folder)

    def _enrol(self) -> None:
        """Take the nodes into use, one after the other, as they come up."""
        if reason := missing():
            click.echo(f"demo: {reason}", err=True)
            return
        said = ""
        for _ in range(int(NODES_WITHIN_S / LOOK_S)):
            try:
                with Where(self._folder).client() as client:
                    self._technician.work(client)
                return
            except SluisError as error:
                said = str(error)
            if self._stopping.wait(LOOK_S):
                return
        click.echo(f"demo: nodes not taken into use: {', '.join(self._technician.left)}: {said}", err=True)


KINDS = ("drop", "silent", "garbage", "flood", "lag", "stuck", "duplicate", "well")


@demo.command()
@click.argument("device")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--for", "for_s", default=30.0, show_default=True, help="Seconds it lasts.")
@click.option("--amount", default=0.0, help="Messages a second for flood, seconds late for lag.")
@click.pass_obj
def misbehave(where: Where, device: str, kind: str, for_s: float, amount: float) -> None:
    """Make a stand-in misbehave: DEVICE is heater, coffee, lights, zigbee, greenhouse, air, meter or projector.

    boiler-room and meter-cupboard are real nodes: they drop (no power), are silent (they hang), get stuck sensors and
    garbage (bad wires).

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
