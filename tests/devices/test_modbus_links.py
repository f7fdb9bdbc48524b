"""A Modbus device that somebody else wrote (`pymodbus.simulator`), over TCP and over a serial pair, polled and
commanded through intake and the real links; and `mbpoll` (libmodbus, in C) as a witness of what stands in it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import a_free_port
from tests.devices.house import House

from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Availability, LinkError, OutOfRange, Refused
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis_drivers.modbus.device import Modbus

MAP = """
name = "Simulator"
vendor = "pymodbus"
models = ["simulator"]
source = "this test"
every_s = 0.2
max_gap = 4

[registers.voltage]
function = 4
address = 10
type = "float32"
quantity = "voltage"
unit = "V"

[registers.power]
function = 4
address = 12
type = "float32"
quantity = "power"
unit = "W"
maximum = 1000

[registers.broken]
function = 4
address = 14
type = "float32"

[registers.energy]
function = 3
address = 20
type = "u32"
scale = 0.01
quantity = "energy"
unit = "kWh"

[registers.model]
function = 3
address = 30
type = "string"
words = 4

[registers.setpoint]
function = 3
address = 40
type = "s16"
scale = 0.1
quantity = "temperature"
unit = "°C"
minimum = -40
maximum = 95
writable = true

[registers.limit]
function = 3
address = 41
type = "float32"
quantity = "power"
unit = "W"
minimum = 0
maximum = 5000
writable = true

[registers.sealed]
function = 3
address = 50
minimum = 0
maximum = 100
writable = true

[registers.missing]
function = 3
address = 300
every_s = 0.4

[registers.relay]
function = 1
address = 960
writable = true
"""
CELLS = {
    "setup": {
        "co size": 400, "di size": 400, "hr size": 400, "ir size": 400, "shared blocks": True,
        "type exception": False,
        "defaults": {
            "value": {"bits": 0, "uint16": 0, "uint32": 0, "float32": 0.0, "float64": 0.0, "string": " "},
            "action": dict.fromkeys(("bits", "uint16", "uint32", "float32", "float64", "string")),
        },
    },
    "invalid": [[300, 399]],
    "write": [40, 41, 42, 60],
    "bits": [{"addr": 60, "value": 0}],
    "uint16": [{"addr": 40, "value": 205}, {"addr": 50, "value": 7}],
    "uint32": [{"addr": [20, 21], "value": 812347}],
    "float32": [
        {"addr": [10, 11], "value": 231.4}, {"addr": [12, 13], "value": 1183.25},
        {"addr": [14, 15], "value": float("nan")}, {"addr": [41, 42], "value": 3500.0},
    ],
    "string": [{"addr": [30, 33], "value": "SIM-3"}],
    "repeat": [],
}  # fmt: skip


def simulator(folder: Path, server: dict[str, Any]) -> subprocess.Popen[bytes]:
    """pymodbus's simulator, serving one device. It is there when its web page is."""
    page = a_free_port()
    file = folder / "setup.json"
    file.write_text(json.dumps({"server_list": {"server": server}, "device_list": {"device": CELLS}}))
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("pymodbus.simulator")), "--modbus_server", "server", "--modbus_device",
         "device", "--json_file", str(file), "--http_host", "127.0.0.1", "--http_port", str(page),
         "--log", "error"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", page)) == 0:
                return process
        time.sleep(0.02)
    raise RuntimeError("pymodbus.simulator did not start")


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


class Bench:
    """A way to the simulator: our link, the address there, and how mbpoll gets to it."""

    def __init__(self, link: NetLink | SerialLink, address: str, witness: list[str]) -> None:
        self.link, self.address, self._witness = link, address, witness

    async def seen(self, table: str, first: int, count: int = 1, *write: str) -> list[float]:
        """What mbpoll reads (or, with values, writes) in the simulator."""
        options = ["-a", "1", "-t", table, "-r", str(first), "-0", "-B", "-1", "-q", "-o", "2"]
        command = ["mbpoll", *self._witness[:-1], *options, *(() if write else ("-c", str(count))), self._witness[-1]]
        process = await asyncio.create_subprocess_exec(
            *command, *write, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, said.decode()
        return [float(value) for value in re.findall(r"^\[\d+\]:\s+(-?[\d.]+)", said.decode(), re.M)]


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    port = a_free_port()
    process = simulator(tmp_path, {"comm": "tcp", "host": "127.0.0.1", "port": port, "framer": "socket"})
    yield lambda: Bench(
        NetLink(NetSettings(), SystemClock()), f"127.0.0.1:{port}", ["-m", "tcp", "-p", str(port), "127.0.0.1"]
    )
    ended(process)


@pytest.fixture
def rtu(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    """A serial pair: two pseudo-terminals, joined; the simulator sits on one, the gateway on the other. (socat would
    hold the ends open, and our link does not take a port that another process holds.)"""
    ends = [os.openpty() for _ in range(2)]
    for _, port in ends:
        tty.setraw(port)
    ours, theirs = (os.ttyname(port) for _, port in ends)
    stopped, stop = os.pipe()
    joining = threading.Thread(target=join, args=(ends[0][0], ends[1][0], stopped), daemon=True)
    joining.start()
    server = {
        "comm": "serial", "port": theirs, "stopbits": 1, "bytesize": 8, "parity": "N", "baudrate": 19200,
        "framer": "rtu",
    }  # fmt: skip
    process = simulator(tmp_path, server)
    yield lambda: Bench(
        SerialLink(SerialSettings("meters", ours, baud=19200), SystemClock()),
        "1",
        ["-m", "rtu", "-b", "19200", "-P", "none", ours],
    )
    ended(process)
    os.close(stop)
    joining.join(5)
    for fd in (*ends[0], *ends[1], stopped):
        os.close(fd)


def join(one: int, other: int, stopped: int) -> None:
    """Carry bytes between two terminals until the pipe is closed."""
    while True:
        ready, _, _ = select.select([one, other, stopped], [], [])
        if stopped in ready:
            return
        for source, target in ((one, other), (other, one)):
            if source in ready:
                os.write(target, os.read(source, 4096))


@pytest.fixture(params=["tcp", "rtu"])
async def at(request: pytest.FixtureRequest) -> AsyncIterator[tuple[House, Bench]]:
    bench = request.getfixturevalue(request.param)()
    house = House(bench.link, Modbus)
    yield house, bench
    await house.stop()


Eventually = Callable[..., Awaitable[None]]


async def test_what_it_has_is_what_we_read_and_what_a_witness_sees(
    at: tuple[House, Bench], eventually: Eventually
) -> None:
    house, bench = at
    key = await house.add(bench.address, map="custom", custom=MAP)
    await eventually(lambda: len(house.values(key)) >= 8, 20)
    assert house.values(key) == {
        "voltage": 231.4, "power": 1183.25, "energy": 8123.47, "model": "SIM-3", "setpoint": 20.5, "limit": 3500.0,
        "sealed": 7, "relay": False,
    }  # fmt: skip
    twin = house.register.twin(key)
    assert twin.availability is Availability.ONLINE
    assert twin.reported["power"].quality.word == "uncertain", "above the map's maximum"
    for said in ("broken: nan is not a number", "exception 2 (illegal data address)"):
        await eventually(lambda said=said: any(said in outcome for outcome in house.outcomes(key)))
    assert house.register.counters(key).bad > 0
    await house.register.retire(key, SYSTEM)
    if isinstance(bench.link, SerialLink):
        await house.stop()  # a port has one owner
    assert await bench.seen("3:float", 10, 2) == [231.4, 1183.25]
    assert await bench.seen("4:int", 20) == [812347]


async def test_what_we_write_is_read_back_and_seen_by_a_witness(
    at: tuple[House, Bench], eventually: Eventually
) -> None:
    house, bench = at
    key = await house.add(bench.address, map="custom", custom=MAP)
    await eventually(lambda: "limit" in house.values(key), 20)
    await house.command(key, "setpoint", -12.5)
    await house.command(key, "limit", 1500.25)
    await house.command(key, "relay", True)
    await eventually(
        lambda: {**house.values(key), "setpoint": -12.5, "limit": 1500.25, "relay": True} == house.values(key)
    )
    with pytest.raises(OutOfRange):
        await house.command(key, "limit", 5001)
    with pytest.raises(Refused, match="illegal data address"):
        await house.command(key, "sealed", 8)
    await house.register.retire(key, SYSTEM)
    if isinstance(bench.link, SerialLink):
        await house.stop()
    assert await bench.seen("4:float", 41) == [1500.25]
    assert await bench.seen("4", 40) in ([-125], [65411])
    assert await bench.seen("0", 960) == [1]
    assert await bench.seen("4", 50) == [7]


async def test_a_unit_that_is_not_there_is_offline_and_the_other_goes_on(
    tcp: Callable[[], Bench], eventually: Eventually
) -> None:
    bench = tcp()
    house = House(bench.link, Modbus)
    here = await house.add(bench.address, map="custom", custom=MAP)
    await eventually(lambda: "voltage" in house.values(here), 20)
    gone = await house.add(f"127.0.0.1:{a_free_port()}", map="custom", custom=MAP)
    await eventually(lambda: house.register.twin(gone).availability is Availability.OFFLINE, 20)
    with pytest.raises(LinkError):
        await house.command(gone, "setpoint", 20)
    decoded = house.register.counters(here).decoded
    await eventually(lambda: house.register.counters(here).decoded > decoded)
    assert house.register.twin(here).availability is Availability.ONLINE
    await house.stop()
