"""Inside the guest: the serial link on an FTDI adapter with the kernel's own driver; pymodbus's server as the meter at
the other end of its wire; hands that plug and pull.

Prints one line `RESULT {json}` for each step, and ends with an exception where one does not come true.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from sluis.links.serial import SerialLink, SerialSettings
from sluis.links.serial.finding import Memory
from sluis.model import LinkError
from sluis.runtime import Step, SystemClock
from sluis.sdk import Framing, Station
from tests.guest.inside import tell, until
from tests.links.exchange.bus import read, values
from tests.links.serial.vm import rights
from tests.links.serial.vm.hands import Hands

MONITOR, WIRE = (
    f"/dev/{one.name}" for one in sorted(Path("/sys/class/tty").glob("ttyS*")) if (one / "device/vendor").exists()
)
"""The two ports of the guest's PCI card: QEMU's monitor, and the far end of the adapter's wire."""


class Meter:
    """pymodbus's, on the far end: register 0 holds 2345."""

    def __init__(self) -> None:
        self._server: ModbusSerialServer | None = None

    async def answers(self) -> None:
        cells = [SimData(0, values=2345, datatype=DataType.REGISTERS)]
        self._server = ModbusSerialServer(SimDevice(1, cells), port=WIRE, baudrate=19_200)
        await self._server.serve_forever(background=True)

    async def falls_mute(self) -> None:
        if self._server is not None:
            await self._server.shutdown()


class Gateway:
    """One serial link, its device asked all the time."""

    def __init__(self, memory: Path, port: str = "usb:0403:6001", **settings: Any) -> None:
        self.steps: list[Step] = []
        self.states: list[str] = []
        self.link = SerialLink(SerialSettings("bus", port, baud=19_200, **settings), SystemClock(), Memory(memory))
        self.link.on_step(self.steps.append)
        self.link.on_change(lambda up, reason: self.states.append(self.link.state))
        self.link.set_stations({"bus/1": Station("bus/1", Framing("modbus-rtu"))})
        self.answered = 0
        self._tasks = [asyncio.ensure_future(self.link.run()), asyncio.ensure_future(self._ask())]

    async def _ask(self) -> None:
        while True:
            try:
                answer = await self.link.request(read(1), to="bus/1", timeout_s=1.0)
                assert answer.data == values(1, 2345)
                self.answered += 1
            except LinkError:
                await asyncio.sleep(0.1)

    async def goes_on(self) -> None:
        """Until another answer has come."""
        before = self.answered
        await until(lambda: self.answered > before, f"an answer ({self.link.health().reason})", 120)

    def told(self) -> list[tuple[str, bool, str]]:
        return [(step.rung, step.healed, step.detail) for step in self.steps]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def resets() -> int:
    """How often the kernel says that it has reset a USB device."""
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout.count(": reset ")


def inode(device: str) -> int:
    return Path(device).stat().st_ino


async def mute(meter: Meter, gateway: Gateway, cured: Callable[[], bool]) -> list[tuple[str, bool, str]]:
    """The wire is dead, though the port opens, until the adapter has been reset."""
    gateway.steps.clear()
    await meter.falls_mute()
    await until(cured, "a reset of the adapter", 180)
    await meter.answers()
    await until(lambda: gateway.steps and gateway.steps[-1].healed, "the cure", 120)
    await gateway.goes_on()
    return gateway.told()


async def main() -> None:
    memory = Path(tempfile.mkdtemp()) / "ports.json"
    hands, meter = Hands(MONITOR), Meter()
    await hands.start()
    await meter.answers()
    gateway = Gateway(memory)

    await until(lambda: gateway.link.state == "missing", "a missing adapter")
    tell("not-there", reason=gateway.link.health().reason)
    await hands.plug("ours", socket=1, serial="SLUIS1", wire="wire")
    await gateway.goes_on()
    notes = gateway.link.notes()
    latency = Path("/sys/class/tty/ttyUSB0/device/latency_timer").read_text().strip()
    tell("plugged", latency_ms=latency, **{key: notes[key] for key in ("device", "adapter", "place", "words")})

    await hands.pull("ours")
    await until(lambda: gateway.link.state == "missing", "the loss")
    tell("pulled", reason=gateway.link.health().reason, states=gateway.states)
    await hands.plug("stranger", socket=1, serial="OTHER", wire="nowhere")
    await until(lambda: gateway.link.state == "swapped", "the stranger")
    tell("swapped", reason=gateway.link.health().reason)
    await hands.plug("ours", socket=2, serial="SLUIS1", wire="wire")
    await gateway.goes_on()
    await until(lambda: gateway.steps, "the step's end")
    health, notes = gateway.link.health(), gateway.link.notes()
    tell("again", device=notes["device"], place=notes["place"], reconnects=health.reconnects, steps=gateway.told())
    await gateway.stop()

    gateway = Gateway(memory, "/dev/ttyUSB0")
    await until(lambda: gateway.link.up, "the stranger's port, by its kernel's name")
    tell("by-name", adapter=gateway.link.notes()["adapter"])
    await gateway.stop()
    await hands.pull("stranger")

    opened = "serial.Serial('/dev/ttyUSB1', exclusive=True)"
    program = "import time, serial; port = {}; print('open', flush=True); time.sleep(600)"
    locking = subprocess.Popen([sys.executable, "-c", program.format(opened)], stdout=subprocess.PIPE)
    assert locking.stdout is not None
    await asyncio.to_thread(locking.stdout.readline)
    gateway = Gateway(memory)
    await until(lambda: gateway.link.state == "busy", "a busy port")
    tell("locked", reason=gateway.link.health().reason, pid=locking.pid)
    locking.kill()
    locking.wait()
    await gateway.goes_on()
    assert gateway.steps == []
    await gateway.stop()

    await behind_a_server("/dev/ttyUSB1", memory)

    gateway = Gateway(memory)
    await gateway.goes_on()
    before = resets()
    told = await mute(meter, gateway, lambda: resets() > before)
    tell("reset", steps=told, device=gateway.link.notes()["device"], resets=resets() - before)

    await gateway.stop()
    before = resets()
    await rights.seen("/dev/ttyUSB0")
    tell("as-service", resets=resets() - before)
    gateway = Gateway(memory)
    await gateway.goes_on()

    for node in Path("/dev/bus/usb").glob("*/*"):
        with contextlib.suppress(OSError):
            node.unlink()  # as for a user who may not write to it
    device, before = str(gateway.link.notes()["device"]), resets()
    was = inode(device)
    told = await mute(meter, gateway, lambda: not Path(device).exists() or inode(device) != was)
    tell("authorized", steps=told, device=gateway.link.notes()["device"], resets=resets() - before)
    await gateway.stop()
    await meter.falls_mute()


async def behind_a_server(device: str, memory: Path) -> None:
    """The same port by ser2net, which goes away and comes back."""
    server = serve(device)
    gateway = Gateway(memory, "rfc2217://127.0.0.1:2217", parity="even", reconnect_cap_s=1.0)
    await until(lambda: gateway.link.up, f"ser2net ({gateway.link.health().reason})")
    shown = subprocess.run(["stty", "-a", "-F", device], capture_output=True, text=True, check=True).stdout.split()
    tell("server-set", speed=shown[1], even="parenb" in shown and "-parodd" in shown)
    await gateway.goes_on()
    server.kill()
    server.wait()
    await until(lambda: gateway.link.state == "failed", "the server's loss")
    reason = gateway.link.health().reason
    server = serve(device)
    await gateway.goes_on()
    tell("server-back", reason=reason, rungs=sorted({rung for rung, _, _ in gateway.told()}))
    await gateway.stop()
    server.kill()
    server.wait()


def serve(device: str) -> subprocess.Popen[bytes]:
    """ser2net, on the port 2217; it keeps the speed that it was told last, so each begins at 9600 without parity."""
    file = Path(tempfile.mkdtemp()) / "ser2net.yaml"
    file.write_text(
        "connection: &port\n"
        "  accepter: telnet(rfc2217),tcp,127.0.0.1,2217\n"
        f"  connector: serialdev,{device},9600n81,local\n"
    )
    return subprocess.Popen(["ser2net", "-n", "-u", "-c", str(file)])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="LOG %(relativeCreated)d %(name)s %(message)s", stream=sys.stdout)
    asyncio.run(main())
    os.sync()
