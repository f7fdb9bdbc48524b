"""A real ESPHome node, compiled for its `host` platform into a Linux process: the firmware itself at the other end.

ESPHome needs Python 3.12 or newer, g++, and 160 MB, so it is no part of our environment. The node does not encrypt: for
that its compiler fetches a library from a registry on the internet. `SLUIS_ESPHOME` names the `esphome` program:

    uv venv --python 3.13 ~/esphome
    uv pip install -p ~/esphome 'esphome>=2026.10'
    SLUIS_ESPHOME=~/esphome/bin/esphome pytest tests/links/esphome -m soak
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sluis.links.esphome import EsphomeLink, EsphomeSettings
from sluis.model import Availability
from sluis.runtime import SystemClock
from tests.links.esphome.test_esphome import Gateway

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

ESPHOME = Path(os.environ.get("SLUIS_ESPHOME", "")).expanduser()
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not ESPHOME.is_file(), reason="SLUIS_ESPHOME names no esphome program"),
]

YAML = """
esphome:
  name: room
  friendly_name: Room node
host:
  mac_address: "02:00:00:11:22:33"
logger:
api:
  port: {port}
globals:
  - {{id: wanted, type: float, initial_value: "20.0"}}
sensor:
  - {{platform: template, id: warm, name: Temperature, device_class: temperature, unit_of_measurement: "°C",
      update_interval: 1s, lambda: "return 21.5;"}}
  - {{platform: template, id: broken, name: Broken, update_interval: 1s, lambda: "return NAN;"}}
switch:
  - {{platform: template, name: Heater, id: heater, optimistic: true}}
binary_sensor:
  - {{platform: template, name: Warm, lambda: "return id(heater).state;"}}
number:
  - {{platform: template, name: Limit, optimistic: true, min_value: 0, max_value: 10, step: 0.5, initial_value: 2.5}}
select:
  - {{platform: template, name: Scene, optimistic: true, options: [Day, Night], initial_option: Day}}
text:
  - {{platform: template, name: Banner, optimistic: true, mode: text, initial_value: Welcome}}
cover:
  - {{platform: template, name: Blind, optimistic: true, assumed_state: false, has_position: true,
      open_action: [], close_action: [], stop_action: [], position_action: []}}
lock:
  - {{platform: template, name: Door, optimistic: true}}
output:
  - {{platform: template, id: red, type: float, write_action: []}}
  - {{platform: template, id: green, type: float, write_action: []}}
  - {{platform: template, id: blue, type: float, write_action: []}}
light:
  - {{platform: rgb, name: Lamp, red: red, green: green, blue: blue, default_transition_length: 0s}}
fan:
  - {{platform: template, name: Fan, speed_count: 3, has_oscillating: true}}
button:
  - {{platform: template, name: Press, on_press: [{{switch.toggle: heater}}]}}
climate:
  - platform: thermostat
    name: Room
    sensor: warm
    min_heating_off_time: 1s
    min_heating_run_time: 1s
    min_idle_time: 1s
    heat_action: []
    idle_action: []
    default_preset: Home
    preset: [{{name: Home, default_target_temperature_low: 19, mode: heat}}]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The node, compiled: (program, port). About half a minute."""
    from tests.conftest import a_free_port

    folder = tmp_path_factory.mktemp("esphome")
    port = a_free_port()
    (folder / "node.yaml").write_text(YAML.format(port=port))
    done = subprocess.run([ESPHOME, "compile", "node.yaml"], cwd=folder, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (program,) = [file for file in (folder / ".esphome").rglob("program") if os.access(file, os.X_OK)]
    return program, port


class Process:
    """The node as a process: its power switch."""

    def __init__(self, program: Path, port: int, folder: Path) -> None:
        self.port = port
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        home = {**os.environ, "HOME": str(self._folder)}  # its preferences are kept there
        self._process = subprocess.Popen(
            [self._program], env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
async def node(program: tuple[Path, int], tmp_path: Path) -> AsyncIterator[Process]:
    made = Process(*program, tmp_path)
    made.start()
    yield made
    made.stop()


async def test_a_real_node(node: Process, tasks: Start, eventually: Eventually) -> None:
    link = EsphomeLink(EsphomeSettings(reconnect_cap_s=0.5), SystemClock())
    gateway = Gateway(link)
    tasks(link.run())
    tasks(gateway.run())
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source)
    said = gateway.readings
    await eventually(lambda: said.get("temperature") == 21.5, 30)
    await eventually(lambda: said.get("room_target_temperature") == 19)
    assert (said["heater"], said["limit"], said["scene"], said["banner"]) == (False, 2.5, "Day", "Welcome")
    assert said["room_current_temperature"] == 21.5
    assert said["room_mode"] == "heat"

    for point, wish, shown in (
        ("heater", True, ("warm", True)),
        ("limit", 7.5, ("limit", 7.5)),
        ("scene", "Night", ("scene", "Night")),
        ("banner", "Dag", ("banner", "Dag")),
        ("blind_position", 50, ("blind_position", 50)),
        ("blind", False, ("blind_state", "closed")),
        ("door_locked", True, ("door_state", "locked")),
        ("lamp_color", "#00ff00", ("lamp_color", "#00ff00")),
        ("lamp", True, ("lamp", True)),
        ("lamp_brightness", 40, ("lamp_brightness", 40)),
        ("fan_speed", 2, ("fan_speed", 2)),
        ("fan_oscillating", True, ("fan_oscillating", True)),
        ("room_target_temperature", 21.5, ("room_target_temperature", 21.5)),
        ("room_mode", "off", ("room_mode", "off")),
        ("press", None, ("heater", False)),
    ):
        await gateway.command(point, wish)
        await eventually(lambda shown=shown: said.get(shown[0]) == shown[1])

    node.stop()
    await eventually(lambda: gateway.presence[-1][0] is Availability.OFFLINE)
    said.clear()
    node.start()
    await eventually(lambda: said.get("temperature") == 21.5, 30)
    assert gateway.presence[-1][0] is Availability.ONLINE
