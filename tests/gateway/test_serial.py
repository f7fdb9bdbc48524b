"""The gateway as people run it on a serial pair (socat): pymodbus's simulator answers on the other end; the pair is
pulled out and comes back under other numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import a_free_port
from tests.gateway.conftest import Demo, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CONFIG = """
data_dir = "{folder}/data"
[broker]
local_port = 0
tls_host = "127.0.0.1"
tls_port = -1
[panel]
host = "127.0.0.1"
port = 0
trust_port = -1
[[serial]]
name = "meters"
port = "{folder}/ours"
baud = 19200
reconnect_cap_s = 0.5
"""
MAP = """
name = "Simulated"
vendor = "pymodbus"
models = ["simulator"]
source = "this test"
every_s = 1

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
"""
CELLS = {
    "setup": {
        **dict.fromkeys(("co size", "di size", "hr size", "ir size"), 100),
        "shared blocks": True,
        "type exception": False,
        "defaults": {
            "value": {"bits": 0, "uint16": 0, "uint32": 0, "float32": 0.0, "float64": 0.0, "string": " "},
            "action": dict.fromkeys(("bits", "uint16", "uint32", "float32", "float64", "string")),
        },
    },
    "invalid": [],
    "write": [40],
    **{key: list[Any]() for key in ("bits", "uint32", "float32", "string", "repeat")},
    "uint16": [{"addr": 40, "value": 205}],
}


class Pair:
    """Two serial ports, joined."""

    def __init__(self, folder: Path) -> None:
        self._ends = [folder / name for name in ("ours", "theirs")]
        self.plug()

    def plug(self) -> None:
        given = [f"PTY,raw,echo=0,link={end}" for end in self._ends]
        self._socat = subprocess.Popen(["socat", *given])
        wait_for(lambda: all(end.exists() for end in self._ends), "the pair")

    def pull(self) -> None:
        self._socat.terminate()
        self._socat.wait(10)


class Building:
    """A pair, a simulated device on one end, a gateway on the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pair = Pair(folder)
        self.simulate()
        (folder / "sluis.toml").write_text(CONFIG.format(folder=folder))
        with (folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "sluis", "run", "--config", str(folder / "sluis.toml")]
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "COLUMNS": "120"})
        self.gateway = Demo(folder / "data", process)
        info = folder / "data" / "run" / "gateway.json"
        wait_for(lambda: info.exists() or process.poll() is not None, "a start")
        assert process.poll() is None, (folder / "log").read_text()[-3000:]

    def simulate(self) -> None:
        line = {"comm": "serial", "port": str(self._folder / "theirs"), "framer": "rtu"}
        server = line | {"stopbits": 1, "bytesize": 8, "parity": "N", "baudrate": 19200}
        file = self._folder / "setup.json"
        file.write_text(json.dumps({"server_list": {"server": server}, "device_list": {"device": CELLS}}))
        options = ["--modbus_server", "server", "--modbus_device", "device", "--json_file", str(file)]
        options += ["--http_host", "127.0.0.1", "--http_port", str(a_free_port()), "--log", "error"]
        self._simulator = subprocess.Popen(
            [str(Path(sys.executable).with_name("pymodbus.simulator")), *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pull(self) -> None:
        self.pair.pull()
        self._simulator.kill()
        self._simulator.wait(10)


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    made = Building(tmp_path)
    yield made
    assert made.gateway.stop() == 0
    made.pull()


def of_link(client: httpx.Client) -> dict[str, Any]:
    return next(one for one in client.get("links").json() if one["name"] == "meters")


def test_a_meter_on_a_serial_pair_from_register_to_api_and_through_a_pulled_plug(building: Building) -> None:
    with building.gateway.client() as client:
        wish = {"driver": "modbus", "link": "meters", "address": "1", "setup": {"map": "custom", "custom": MAP}}
        answer = client.post("devices", json={**wish, "name": "", "area": ""})
        assert answer.status_code == 201, answer.text
        device = answer.json()["key"]

        def reported() -> Any:
            said = client.get(f"points/{device}/setpoint").json()["reported"]
            return said and said["value"]

        wait_for(lambda: reported() == 20.5, "a first answer")
        receipt = client.put(f"points/{device}/setpoint", json=21.0).json()
        assert receipt["stage"] == "done", receipt
        wait_for(lambda: reported() == 21.0, "the device to say so")
        notes = of_link(client)["notes"]
        assert (notes["state"], notes["crc"], notes["noise"]) == ("open", 0, 0)
        assert notes["addresses"]["meters/1"]["answered"] > 1

        building.pull()
        wait_for(lambda: not of_link(client)["up"], "the loss")
        wait_for(lambda: client.get(f"devices/{device}").json()["availability"] != "online", "the device to be away")
        building.pair.plug()
        building.simulate()
        wait_for(lambda: of_link(client)["up"], "the port to be back")
        wait_for(lambda: client.get(f"devices/{device}").json()["availability"] == "online", "the device to be back")
        wait_for(lambda: reported() == 20.5, "the value of the device that started anew")
        assert of_link(client)["reconnects"] == 1
