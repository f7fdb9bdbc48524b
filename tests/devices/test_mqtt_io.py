"""Pins and sensors that mqtt-io, somebody else's program, announces for Home Assistant over a real mosquitto.

Its environment is made by uv under `var/`, from the package registry, the first time. The pins and the sensor are
mqtt-io's own mocks; what it says on MQTT is its own too. Its last word when it is stopped, `stopped`, is neither of the
two that it announced for its availability.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import Availability, DeviceState
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis_drivers.homeassistant.mqtt import HomeAssistantMqtt

from .house import House

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]

Eventually = Callable[..., Awaitable[None]]
ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "mqtt-io==2.7"

CONFIG = """
mqtt:
  host: 127.0.0.1
  port: {port}
  topic_prefix: attic
  client_id: attic-io
  ha_discovery: {{enabled: true, name: Attic}}
gpio_modules: [{{name: pins, module: mock}}]
sensor_modules: [{{name: air, module: mock}}]
digital_outputs: [{{name: fan, module: pins, pin: 1}}]
digital_inputs: [{{name: hatch, module: pins, pin: 2}}]
sensor_inputs:
  - name: warm
    module: air
    interval: 1
    ha_discovery: {{device_class: temperature, unit_of_measurement: "°C"}}
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment that has mqtt-io."""
    environment = ROOT / "var" / "mqtt-io"
    made = environment / "bin" / "python"
    if not made.exists() or subprocess.run([made, "-c", "import mqtt_io"], capture_output=True).returncode:
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, environment], check=True)
        got = subprocess.run([uv, "pip", "install", "-q", "--python", made, PACKAGE], capture_output=True)
        if got.returncode:
            pytest.skip(f"{PACKAGE} cannot be installed here: {got.stderr.decode()[-200:]}")
    return made


class Program:
    """mqtt-io, switched on and off."""

    def __init__(self, python: Path, file: Path) -> None:
        self._command = [str(python), "-m", "mqtt_io", str(file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        process, self._process = self._process, None
        if process is not None:
            os.kill(process.pid, how)
            process.wait(30)


@pytest.fixture
def program(python: Path, broker: Any, tmp_path: Path) -> Iterator[Program]:
    file = tmp_path / "attic.yml"
    file.write_text(CONFIG.format(port=broker.port))
    made = Program(python, file)
    made.start()
    yield made
    made.end()


@pytest.fixture
async def house(broker: Any, tmp_path: Path) -> AsyncIterator[House]:
    link = MqttLink(MqttSettings(port=broker.port), SystemClock(), session_file=tmp_path / "session")
    made = House(link, HomeAssistantMqtt)  # type: ignore[arg-type]
    yield made
    await made.stop()


async def test_it_is_found_read_commanded_and_not_online_for_ever(
    house: House, program: Program, eventually: Eventually
) -> None:
    await eventually(lambda: len(house.register.devices(DeviceState.DISCOVERED)) == 1, 30)
    (device,) = house.register.devices(DeviceState.DISCOVERED)
    assert (device.name, device.vendor) == ("Attic", "MQTT IO")
    await eventually(lambda: len(house.register.points(device.key)) == 3)
    await house.register.adopt(device.key, name="Attic", area="", actor=SYSTEM)
    twin = house.register.twin(device.key)
    (warm,) = (key for key, point in twin.points.items() if point.unit == "°C")
    (fan,) = (key for key, point in twin.points.items() if point.writable)
    await eventually(lambda: house.values(device.key).get(warm) == 1)
    await eventually(lambda: twin.availability is Availability.ONLINE)

    for wish in (False, True):
        await house.command(device.key, fan, wish)
        await eventually(lambda wish=wish: house.values(device.key).get(fan) is wish)

    program.end(signal.SIGTERM)
    await eventually(lambda: twin.reason == "unclear word on attic/status")
    assert twin.availability is Availability.UNKNOWN
    assert twin.shown(fan).stale, "what it said last is not shown as if it were so"
    await eventually(lambda: twin.availability is Availability.OFFLINE, 60)

    program.start()
    await eventually(lambda: twin.availability is Availability.ONLINE, 30)
    program.end(signal.SIGKILL)
    await eventually(lambda: twin.availability is Availability.OFFLINE, 30)
    assert twin.reason == "offline on attic/status"
