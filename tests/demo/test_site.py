"""The demo site as a process, on a real broker, seen by an independent client."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import ModbusTcpClient
from tests.conftest import a_free_port

from sluis.demo.meter import INSTALLED_KWH
from sluis.demo.site import remembered, short_path


class Witness:
    """Everything published on the broker, in order."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, m: self.seen.append((m.topic, bytes(m.payload), m.retain))
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("#", 1)
        assert subscribed.wait(5)

    def publish(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, 1)

    def wait(self, topic: str, condition: Callable[[Any], bool] = lambda _: True, within_s: float = 15.0) -> Any:
        """The first content on a topic that satisfies the condition."""
        deadline = time.monotonic() + within_s
        position = 0
        while time.monotonic() < deadline:
            while position < len(self.seen):
                seen_topic, payload, _ = self.seen[position]
                position += 1
                if seen_topic == topic and condition(content(payload)):
                    return content(payload)
            time.sleep(0.02)
        pytest.fail(f"nothing fitting on {topic}; topics: {sorted({t for t, _, _ in self.seen})}")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def content(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload


@pytest.fixture
def witness(broker: Any) -> Iterator[Witness]:
    made = Witness(broker.port)
    yield made
    made.close()


@pytest.fixture
def start(broker: Any, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def _start(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sluis.demo", "--broker", f"mqtt://127.0.0.1:{broker.port}", *options]
        running.append(
            subprocess.Popen([*command, "--control", str(tmp_path / "run" / "demo.sock")], stderr=subprocess.PIPE)
        )
        return running[-1]

    yield _start
    for process in running:
        process.terminate()
        _, errors = process.communicate(timeout=10)
        assert errors == b"", errors.decode()


def order(folder: Path, **what: Any) -> str:
    with short_path(folder / "run" / "demo.sock") as path, socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        line.sendall(json.dumps(what).encode() + b"\n")
        return line.makefile().readline().strip()


def test_the_office_comes_up_obeys_and_leaves_in_order(witness: Witness, start: Any) -> None:
    process = start()
    witness.wait("tele/tasmota_1A2B3C/LWT", lambda c: c == b"Online")
    witness.wait("tasmota/discovery/D8BFC01A2B3C/config")
    witness.wait("shellyplus1pm-a8032ab1c2d4/online", lambda c: c is True)
    witness.wait("zigbee2mqtt/bridge/devices", lambda c: len(c) == 6)
    witness.wait("esp-greenhouse/status", lambda c: c == b"online")
    witness.wait("airmon/am2-0047/state", lambda c: c["co2"] > 400)
    witness.publish("cmnd/tasmota_1A2B3C/POWER", "ON")
    witness.wait("stat/tasmota_1A2B3C/RESULT", lambda c: c == {"POWER": "ON"})
    witness.wait("tele/tasmota_1A2B3C/SENSOR", lambda c: c["ENERGY"]["Power"] > 1400)
    request = {"id": 3, "src": "tests", "method": "Shelly.GetDeviceInfo"}
    witness.publish("shellyplus1pm-a8032ab1c2d4/rpc", json.dumps(request))
    assert witness.wait("tests/rpc")["result"]["gen"] == 2
    assert psutil.Process(process.pid).num_threads() == 1
    process.terminate()
    witness.wait("zigbee2mqtt/bridge/state", lambda c: c == {"state": "offline"})
    assert process.wait(10) == 0


def test_a_dropped_device_leaves_by_its_will_and_comes_back(witness: Witness, start: Any, tmp_path: Path) -> None:
    start()
    witness.wait("esp-greenhouse/status", lambda c: c == b"online")
    seen = len(witness.seen)
    assert order(tmp_path, device="greenhouse", kind="drop", for_s=1.0).startswith("ok")
    witness.wait("esp-greenhouse/status", lambda c: c == b"offline")
    witness.seen[:seen] = []
    witness.wait("esp-greenhouse/status", lambda c: c == b"online")
    assert order(tmp_path, device="nobody", kind="drop").startswith("error: no device 'nobody'")
    assert order(tmp_path, device="greenhouse", kind="dance").startswith("error: kind must be one of")


def test_the_meter_and_the_projector_stand_at_their_ports(start: Any, tmp_path: Path) -> None:
    memory, (meter, projector) = tmp_path / "meter.json", (a_free_port(), a_free_port())
    process = start("--meter", str(meter), "--projector", str(projector), "--memory", str(memory))
    with ModbusTcpClient("127.0.0.1", port=meter, retries=0) as client:
        while not client.connect():
            assert process.poll() is None
            time.sleep(0.05)
        counted = client.read_input_registers(0x0048, count=2, device_id=1).registers
        with socket.create_connection(("127.0.0.1", projector), 10) as line:
            assert line.recv(9) == b"PJLINK 0\r"
        assert order(tmp_path, device="meter", kind="garbage").startswith("ok: meter")
        assert "projector" in order(tmp_path, device="nobody", kind="drop")
        process.terminate()
        assert process.wait(20) == 0
    kwh = client.convert_from_registers(counted, client.DATATYPE.FLOAT32)
    assert isinstance(kwh, float)
    assert json.loads(memory.read_text())["energy_kwh"] == pytest.approx(kwh, abs=0.1)
    assert remembered(memory) >= kwh - 0.01
    memory.write_text("{damaged")
    assert remembered(memory) == INSTALLED_KWH


def test_the_site_survives_the_broker(broker: Any, witness: Witness, start: Any) -> None:
    process = start()
    witness.wait("tele/tasmota_1A2B3C/LWT", lambda c: c == b"Online")
    broker.kill()
    broker.start()
    second = Witness(broker.port)
    second.wait("tele/tasmota_1A2B3C/STATE", lambda c: c["MqttCount"] == 2)
    second.close()
    assert process.poll() is None


def test_a_crowd_reports_evenly_and_counts(witness: Witness, start: Any) -> None:
    start("--crowd", "40", "--every", "1")
    last = witness.wait("sluis/crowd-0039/telemetry", lambda c: c["seq"] == 3)
    telemetry = [(t, content(p)) for t, p, _ in witness.seen if t.endswith("/telemetry") and "crowd" in t]
    assert {t for t, _ in telemetry} == {f"sluis/crowd-{n:04}/telemetry" for n in range(40)}
    assert {c["boot"] for _, c in telemetry} == {last["boot"]}
    first = [c["seq"] for t, c in telemetry if t == "sluis/crowd-0000/telemetry"]
    assert first == list(range(1, len(first) + 1))
    assert witness.wait("sluis/crowd-0000/announce")["points"]["temperature"]["unit"] == "°C"
