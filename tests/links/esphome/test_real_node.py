"""A real ESPHome node, compiled for its `host` platform into a Linux process: the firmware itself at the other end.

ESPHome needs Python 3.12 or newer, g++, and 160 MB, so it is no part of our environment. `SLUIS_ESPHOME` names the
`esphome` program. A node that encrypts is built with ESPHome's own noise-c, of which `SLUIS_NOISE_C` names a checkout
(its compiler would fetch it from a registry that is not everywhere in reach), and the system's libsodium:

    uv venv --python 3.13 ~/esphome
    uv pip install -p ~/esphome 'esphome>=2026.10'
    git clone https://github.com/esphome/noise-c ~/noise-c
    apt-get install libsodium-dev
    SLUIS_ESPHOME=~/esphome/bin/esphome SLUIS_NOISE_C=~/noise-c pytest tests/links/esphome -m soak
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sluis.links.esphome import EsphomeLink, EsphomeSettings
from sluis.model import Availability
from sluis.runtime import SystemClock
from tests.links.esphome.node import KEY
from tests.links.esphome.test_esphome import Gateway

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

ESPHOME = Path(os.environ.get("SLUIS_ESPHOME", "")).expanduser()
NOISE_C = Path(os.environ.get("SLUIS_NOISE_C", "")).expanduser() / "library.json"
ANOTHER_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not ESPHOME.is_file(), reason="SLUIS_ESPHOME names no esphome program"),
]

YAML = """
esphome:
  name: room
  friendly_name: Room node{libraries}
host:
  mac_address: "02:00:00:11:22:33"
logger:
api:
  port: {port}{encryption}
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


SODIUM = """
  libraries: [esphome/noise-c=file://{folder}/noise-c, esphome/libsodium=file://{folder}/libsodium]"""
ENCRYPTION = """
  encryption: {{key: "{key}"}}"""

OLDER = """
static inline int noise_handshakestate_set_local_ephemeral(
    NoiseHandshakeState *state, const uint8_t *secret, size_t secret_size, const uint8_t *open, size_t open_size) {
  return noise_dhstate_set_keypair(
      noise_handshakestate_get_fixed_ephemeral_dh(state), secret, secret_size, open, open_size);
}
"""
"""What noise-c before 0.1.31 has not: a key pair that was made beforehand, by the two calls it has for that."""


@pytest.fixture(scope="module")
def port() -> int:
    from tests.conftest import a_free_port

    return a_free_port()


@pytest.fixture(scope="module")
def plain(port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The node, compiled. About half a minute."""
    return compiled(tmp_path_factory.mktemp("plain"), YAML.format(port=port, libraries="", encryption=""))


@pytest.fixture(scope="module")
def sealed(port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same node, which speaks to holders of its key only."""
    if not NOISE_C.is_file():
        pytest.skip("SLUIS_NOISE_C names no checkout of esphome/noise-c")
    folder = tmp_path_factory.mktemp("sealed")
    gather(folder)
    libraries, encryption = SODIUM.format(folder=folder), ENCRYPTION.format(key=KEY)
    return compiled(folder, YAML.format(port=port, libraries=libraries, encryption=encryption))


def compiled(folder: Path, text: str) -> Path:
    (folder / "node.yaml").write_text(text)
    done = subprocess.run([ESPHOME, "compile", "node.yaml"], cwd=folder, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (program,) = [file for file in (folder / ".esphome").rglob("program") if os.access(file, os.X_OK)]
    return program


def gather(folder: Path) -> None:
    """The two libraries of a node that encrypts, where the compiler takes them from."""
    noise, sodium = folder / "noise-c", folder / "libsodium"
    shutil.copytree(NOISE_C.parent, noise, ignore=shutil.ignore_patterns(".git"))
    build = json.loads(NOISE_C.read_text())["build"]
    (noise / "library.json").write_text(json.dumps({"name": "noise-c", "version": "0", "build": build}))
    states, header = noise / "include/noise/protocol/handshakestate.h", noise / "include/noise/protocol.h"
    if "set_local_ephemeral" not in states.read_text():
        before, guard, after = header.read_text().rpartition("#endif")
        header.write_text(before + OLDER + guard + after)
    (sodium / "src").mkdir(parents=True)
    (sodium / "src/system.c").write_text("#include <sodium.h>\n")
    build = {"flags": ["-lsodium"]}
    (sodium / "library.json").write_text(json.dumps({"name": "libsodium", "version": "0", "build": build}))


class Process:
    """The node as a process: its power switch."""

    def __init__(self, program: Path, port: int, folder: Path, key: str = "") -> None:
        self.port = port
        self.key = key
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


@pytest.fixture(params=["plain", "sealed"])
async def node(request: pytest.FixtureRequest, port: int, tmp_path: Path) -> AsyncIterator[Process]:
    made = Process(request.getfixturevalue(request.param), port, tmp_path, KEY if request.param == "sealed" else "")
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def gateway(tasks: Start) -> Gateway:
    link = EsphomeLink(EsphomeSettings(reconnect_cap_s=0.5), SystemClock())
    made = Gateway(link)
    tasks(link.run())
    tasks(made.run())
    return made


@pytest.mark.parametrize("node", ["sealed"], indirect=True)
async def test_a_real_node_that_encrypts_tells_nothing_without_its_key(
    node: Process, gateway: Gateway, eventually: Eventually
) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=ANOTHER_KEY)
    await eventually(lambda: gateway.link.notes().get(source) == "it refuses the encryption key", 30)
    gateway.adopt(source)
    await eventually(lambda: gateway.link.notes().get(source) == "it wants an encryption key", 30)
    assert not gateway.readings
    gateway.adopt(source, key=KEY)
    await eventually(lambda: gateway.readings.get("temperature") == 21.5, 30)


@pytest.mark.parametrize("node", ["plain"], indirect=True)
async def test_a_real_node_that_does_not_encrypt_gets_no_key(
    node: Process, gateway: Gateway, eventually: Eventually
) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=KEY)
    await eventually(lambda: gateway.link.notes().get(source) == "it does not encrypt, but a key was told", 30)
    assert not gateway.readings


async def test_a_real_node(node: Process, gateway: Gateway, eventually: Eventually) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=node.key)
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
