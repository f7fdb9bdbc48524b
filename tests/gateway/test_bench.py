"""The wizard from end to end: the whole gateway, real firmware behind a serial port, a phone's browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.vm import Node, cable
from tests.panel.browser import conftest as browser
from tests.panel.browser.conftest import Opens, Server

from .conftest import Demo, wait_for

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
built, chromium, visit = browser.built, browser.chromium, browser.visit
"""The panel tests' fixtures."""

UID = "e66118604b4a2c31"
PASSWORD = "four random words here"
WIRED = {"name": "Boiler room", "parts": {"pump": {"part": "relay", "pin": 16}}}
AIR = {"wifi": {"networks": [{"ssid": "attic", "password": "attic is it", "rssi": -50}]}}


@pytest.fixture
def board(tmp_path: Path) -> Iterator[tuple[Node, str]]:
    """A board that runs MicroPython, and its port."""
    made = Node(tmp_path / "node", UID, radio=True, prompt=True)
    made.write({"/node.json": WIRED})
    made.show_world(AIR)
    with cable(made) as port:
        made.start()
        wait_for(lambda: any("started by" in line for line in made.said), "a node that runs")
        yield made, port
        made.stop()


def test_from_a_board_to_a_device_with_a_label(demo: Demo, board: tuple[Node, str], visit: Opens, built: Any) -> None:
    node, port = board
    with demo.client() as client:
        for path, body in (
            ("users", {"name": "tess", "password": PASSWORD, "role": "technician"}),
            ("wifi-networks", {"ssid": "attic", "password": "attic is it"}),
        ):
            assert client.post(path, json=body).is_success
    one = visit(Server(demo.process, demo.data_dir, demo.info["url"], None), "phone", locale="en-GB").sign_in("tess")
    page = one.page
    page.set_default_timeout(120_000)
    one.go("/bench")
    page.fill("#other", port)
    page.select_option("#profile", "pico-w")
    page.select_option("#image", "keep")
    page.click("button[form=tray]")
    page.wait_for_selector("progress")
    page.wait_for_selector("form[action='/bench/place']")
    assert "passed its test" in page.inner_text("main .badge")
    assert b'"pico-w"' in (node.read("/id.json") or b"")
    page.fill("#name-1", "Boiler pump")
    page.fill("#area-1", "Cellar")
    page.click("form[action='/bench/place'] button")
    page.wait_for_selector("main .badge >> text=in use")
    label = page.get_attribute("a[href^='/api/v1/labels']", "href")
    answer = page.request.get(f"{one.url}{label}")
    assert answer.ok and answer.body().startswith(b"%PDF")
    with demo.client() as client:
        [held] = [each for each in client.get("nodes").json() if each["id"] == UID]
        assert (held["state"], held["rssi_dbm"]) == ("proven", -50)
        device = client.get(f"devices/{held['device']}").json()
        assert (device["name"], device["area"]) == ("Boiler pump", "Cellar")
        done = {each["action"] for each in client.get("audit", params={"limit": 50}).json()["items"]}
    assert {"bench.begin", "board.done", "node.enrolled", "node.tested", "node.adopted"} <= done
    assert one.wrong == []
