"""The gateway as people run it, with Bumble's own `controllers` program as the air, and a device that Bumble's stack
carries: three processes, and nothing of ours on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from bumble import hci
from bumble.device import Device, DeviceConfiguration
from bumble.transport import open_transport

from tests.conftest import a_free_port, eventually
from tests.gateway.conftest import Demo, wait_for
from tests.links.ble.air import Peripheral, bthome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ADDRESS = "C4:55:55:55:55:55"
CONFIG = """
[broker]
local_port = 0
tls_host = "127.0.0.1"
tls_port = -1
[panel]
host = "127.0.0.1"
port = 0
trust_port = -1
[[ble]]
name = "hall"
adapter = "tcp-client:127.0.0.1:{port}"
retry_cap_s = 0.5
"""


@dataclass
class Ether:
    """Bumble's program: two controllers that hear each other, each behind a port."""

    ours: int
    theirs: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ports = [f"tcp-server:127.0.0.1:{port}" for port in (self.ours, self.theirs)]
        self.process = process = subprocess.Popen(
            [sys.executable, "-m", "bumble.apps.controllers", *ports],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: {self.ours, self.theirs} <= listening(process), "the air")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


def listening(process: subprocess.Popen[bytes]) -> set[int]:
    """The ports it listens on. Not found out by connecting: a controller takes whoever connects for its host."""
    open_ones = psutil.Process(process.pid).net_connections("tcp")
    return {one.laddr.port for one in open_ones if one.status == psutil.CONN_LISTEN}


@pytest.fixture
def ether() -> Iterator[Ether]:
    made = Ether(a_free_port(), a_free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def gateway(tmp_path: Path, ether: Ether) -> Iterator[Demo]:
    (tmp_path / "sluis.toml").write_text(CONFIG.format(port=ether.ours))
    with (tmp_path / "demo.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sluis", "run", "--data-dir", str(tmp_path)],
            stdout=log,
            stderr=log,
            env={**os.environ, "COLUMNS": "120"},
        )
    made = Demo(tmp_path, process)
    try:
        wait_for(lambda: (tmp_path / "run" / "gateway.json").exists() or process.poll() is not None, "a start")
        assert process.poll() is None, made.output
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)


@contextlib.asynccontextmanager
async def peripheral(ether: Ether) -> AsyncIterator[Peripheral]:
    """A device on the other controller."""
    transport = await open_transport(f"tcp-client:127.0.0.1:{ether.theirs}")
    config = DeviceConfiguration(name="Sensor", address=hci.Address(ADDRESS))
    made = Peripheral(Device.from_config_with_hci(config, transport.source, transport.sink), None)
    made.serve()
    await made.device.power_on()
    try:
        yield made
    finally:
        if not transport.source.terminated.done():
            transport.sink.transport.abort()
            await transport.source.terminated


Ask = Callable[..., Any]


@pytest.fixture
def ask(gateway: Demo) -> Iterator[Ask]:
    """What the API answers."""
    with gateway.client() as client:

        def asked(method: str, path: str, **body: Any) -> Any:
            answer: httpx.Response = client.request(method, path, **body)
            assert answer.status_code < 300, answer.text
            return answer.json()

        yield asked


async def until(ask: Ask, path: str, holds: Callable[[Any], bool]) -> Any:
    """What `path` answers once that holds."""
    seen: list[Any] = []

    async def held() -> bool:
        seen.append(await asyncio.to_thread(ask, "GET", path))
        return holds(seen[-1])

    await eventually(held, within_s=20)
    return seen[-1]


async def test_a_sensor_is_discovered_adopted_read_and_asked(ether: Ether, gateway: Demo, ask: Ask) -> None:
    async with peripheral(ether) as sensor:
        await sensor.advertise(bthome(25.06))
        found = await until(ask, "discovered", lambda page: bool(page["items"]))
        (device,) = found["items"]
        assert (device["driver"], device["link"], device["native_id"]) == ("bthome", "hall", ADDRESS)

        await asyncio.to_thread(ask, "POST", f"discovered/{device['key']}/adopt", json={"name": "Hall", "area": "Hall"})
        value = f"points/{device['key']}/temperature"
        await until(ask, value, lambda point: (point["reported"] or {}).get("value") == 25.06)
        await sensor.advertise(bthome(21.5))
        await until(ask, value, lambda point: (point["reported"] or {}).get("value") == 21.5)
        humidity = await asyncio.to_thread(ask, "GET", f"points/{device['key']}/humidity")
        assert humidity["reported"]["value"] == 50.55
        online = await asyncio.to_thread(ask, "GET", f"devices/{device['key']}")
        assert online["availability"] == "online"

        # The same radio, asked for its battery over a connection: another device record, another driver.
        wish = {"driver": "gatt", "link": "hall", "address": ADDRESS, "name": "Battery", "setup": {"poll_s": 1}}
        battery = await asyncio.to_thread(ask, "POST", "devices", json=wish)
        points = await until(ask, f"devices/{battery['key']}/points", bool)
        assert [point["key"] for point in points] == ["battery"]
        level = f"points/{battery['key']}/battery"
        await until(ask, level, lambda point: (point["reported"] or {}).get("value") == 84)
        sensor.level = 12
        await until(ask, level, lambda point: (point["reported"] or {}).get("value") == 12)
    assert "Traceback" not in gateway.output


async def test_the_air_goes_away_and_comes_back(ether: Ether, gateway: Demo, ask: Ask) -> None:
    async with peripheral(ether) as sensor:
        await sensor.advertise(bthome(20))
        (device,) = (await until(ask, "discovered", lambda page: bool(page["items"])))["items"]
        await asyncio.to_thread(ask, "POST", f"discovered/{device['key']}/adopt", json={"name": "Hall", "area": "Hall"})
        await until(ask, f"devices/{device['key']}", lambda one: one["availability"] == "online")
        ether.stop()
        await until(ask, f"devices/{device['key']}", lambda one: one["availability"] != "online")
        links = await asyncio.to_thread(ask, "GET", "links")
        (hall,) = [link for link in links if link["name"] == "hall"]
        assert not hall["up"]
        assert "there is no such Bluetooth adapter" in hall["reason"]
        assert hall["notes"]["state"] == "no-adapter"
    ether.start()
    async with peripheral(ether) as sensor:
        await sensor.advertise(bthome(23))
        value = f"points/{device['key']}/temperature"
        await until(ask, value, lambda point: (point["reported"] or {}).get("value") == 23)
        await until(ask, f"devices/{device['key']}", lambda one: one["availability"] == "online")
    assert "Traceback" not in gateway.output
