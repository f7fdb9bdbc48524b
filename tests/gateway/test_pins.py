"""The gateway as people run it, with gpiozero's mock as its pins and a tree of files as its kernel: from a contact to
the panel, from a command to a pin, and what is left when it is killed."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.gateway.conftest import Demo, wait_for
from tests.links.gpio.bench import MockPins
from tests.links.kernel.tree import Tree

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
[gpio]
factory = "mock"
mock_dir = "{folder}/pins"
board = "pi-4b"
hats = ["waveshare-relay-3ch"]
report_s = 0.05
[[gpio.pin]]
name = "front-door"
gpio = 17
active_low = true
debounce_ms = 5
[[gpio.pin]]
name = "heating"
gpio = 26
kind = "output"
active_low = true
[[gpio.pin]]
name = "water"
gpio = 22
kind = "counter"
active_low = true
debounce_ms = 0
[kernel]
enabled = true
root = "{folder}/kernel"
w1_every_s = 0.2
scan_s = 0.2
"""


class House:
    """A gateway's process, its pins, its kernel."""

    def __init__(self, folder: Path) -> None:
        self.pins = MockPins(folder / "pins")
        self.tree = Tree(folder / "kernel")
        self.tree.thermometer("28-00000a1b2c3d")
        self.config = folder / "sluis.toml"
        self.config.write_text(CONFIG.format(folder=folder))
        self._folder = folder
        self.start()

    def start(self) -> None:
        info = self._folder / "data" / "run" / "gateway.json"
        info.unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sluis", "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "COLUMNS": "120"},
            )
        self.demo = Demo(self._folder / "data", process)
        wait_for(lambda: info.exists() or process.poll() is not None, "a start")
        assert process.poll() is None, (self._folder / "log").read_text()[-3000:]

    def keeper(self) -> psutil.Process:
        return next(one for one in self.demo.children() if "sluis.links.gpio" in one.cmdline())

    def kill(self) -> None:
        for child in self.demo.children():
            if "sluis.links.gpio" not in child.cmdline():
                child.kill()  # the broker: nothing of this test
        self.demo.process.send_signal(signal.SIGKILL)
        self.demo.process.wait(20)

    def add(self, client: httpx.Client, driver: str, address: str, **setup: Any) -> str:
        link = "kernel" if "/" in address else "gpio"
        wish = {"driver": driver, "link": link, "address": address, "setup": setup, "name": "", "area": ""}
        answer = client.post("devices", json=wish)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    if made.demo.process.poll() is None:
        assert made.demo.stop() == 0


def value(client: httpx.Client, device: str, point: str) -> Any:
    reported = client.get(f"points/{device}/{point}").json()["reported"]
    return None if reported is None else reported["value"]


def test_pins_and_kernel_sensors_from_wire_to_panel_and_back(house: House) -> None:
    with house.demo.client() as client:

        def discovered() -> set[str]:
            return {one["native_id"] for one in client.get("devices", params={"state": "discovered"}).json()["items"]}

        wait_for(lambda: {"GPIO17", "GPIO26", "GPIO22", "w1/28-00000a1b2c3d"} <= discovered(), "announcements")
        door = house.add(client, "gpio-contact", "GPIO17", shows="door")
        heating = house.add(client, "gpio-output", "GPIO26", drives="heat")
        water = house.add(client, "gpio-counter", "GPIO22", measures="water", per_unit=100, start=7)
        boiler = house.add(client, "ds18b20", "w1/28-00000a1b2c3d")
        wait_for(lambda: value(client, door, "contact") is False, "the door's first word")
        wait_for(lambda: value(client, boiler, "temperature") == 23.125, "a temperature")
        house.pins.drive(17, 0)
        wait_for(lambda: value(client, door, "contact") is True, "the door to open")
        house.pins.drive(22, *([0, 1] * 50))
        wait_for(lambda: value(client, water, "total") == 7.5, "half a cubic metre")

        wish = {"device": heating, "point": "on", "value": True, "wait": True}
        assert client.post("commands", json=wish).json()["stage"] == "done"
        assert house.pins.level(26) == 0  # low is on

        links = {one["name"]: one for one in client.get("links").json()}
        assert links["gpio"]["notes"]["mock"] is True
        assert links["kernel"]["up"]
        keeper = house.keeper()
        house.kill()
        wait_for(lambda: house.pins.level(26) == 1, "the relay to fall off")
        wait_for(lambda: not keeper.is_running() or keeper.status() == psutil.STATUS_ZOMBIE, "the keeper's end")

    house.start()
    with house.demo.client() as client:
        wait_for(lambda: value(client, water, "total") == 7.5, "the total of before")
        wait_for(lambda: value(client, heating, "on") is False, "the relay's safe state")


def test_the_system_page_says_that_pins_are_a_mock_in_both_languages(house: House) -> None:
    """The Dutch words are those of the catalogue."""
    catalogue = (Path(__file__).parents[2] / "dashboards" / "panel" / "locale" / "nl.po").read_text()
    dutch = re.search(r'msgid "stand-in pins: nothing real is switched"\nmsgstr "(.+)"', catalogue)
    assert dutch
    token = (house.demo.data_dir / "run" / "cli-token").read_text().strip()
    context = ssl.create_default_context(cafile=house.demo.info["ca"])
    with httpx.Client(base_url=house.demo.info["url"], verify=context, timeout=20) as client:
        for language, words in (("en", "stand-in pins: nothing real is switched"), ("nl", dutch[1])):
            headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
            page = client.get("/system", headers=headers)
            assert page.status_code == 200
            assert words in page.text
