"""`sluis enrol` as a technician types it: the whole gateway, and real firmware behind a serial port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.vm import Node, cable

from .conftest import Demo, wait_for

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

UID, SECOND, THIRD = "e66118604b4a2c21", "e66118604b4a2c22", "e66118604b4a2c23"
WIRED = {"name": "Boiler room", "parts": {"pump": {"part": "relay", "pin": 16}}}
AIR = {"wifi": {"networks": [{"ssid": "attic", "password": "attic is it", "rssi": -50}]}}


class Shell:
    """A technician's terminal on the gateway."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    def __call__(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sluis", "--data-dir", str(self._demo.data_dir), *arguments]
        return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=240, check=False)

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def sluis(demo: Demo) -> Shell:
    return Shell(demo)


def running(node: Node, starts: int = 1) -> None:
    wait_for(lambda: sum("started by" in line for line in node.said) >= starts, "a node that runs")


@pytest.fixture
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Node, str]]:
    """A board with firmware that knows nothing yet, and its port."""
    uid, radio = request.param
    made = Node(tmp_path / "node", uid, radio=radio, prompt=True)
    made.write({"/node.json": WIRED})
    made.show_world(AIR)
    with cable(made) as port:
        made.start()
        running(made)
        yield made, port
        made.stop()


@pytest.mark.parametrize("node", [(UID, True)], indirect=True)
def test_improv_and_key_in_one_command(sluis: Shell, node: tuple[Node, str]) -> None:
    board, port = node
    assert sluis("node", "network-add", "attic", "--password", "attic is not").returncode == 0
    wrong = sluis("enrol", "--improv", port)
    assert wrong.returncode == 1, wrong.stdout
    assert "could not join attic (heard at -50 dBm)" in wrong.stderr
    assert "another password" in wrong.stderr
    assert board.read("/net.json") is None
    assert sluis("node", "network-add", "attic", "--password", "attic is it").returncode == 0
    right = sluis("enrol", "--improv", port, "--serial", "A-17")
    assert right.returncode == 0, right.stdout + right.stderr
    assert "It has joined attic." in right.stdout
    assert f"{UID} has passed its test." in right.stdout
    assert "attic is it" not in right.stdout
    [held] = [one for one in sluis.json("nodes") if one["id"] == UID]
    assert (held["state"], held["serial"], held["rssi_dbm"]) == ("proven", "A-17", -50)
    assert json.loads(board.read("/net.json") or b"")["name"] == UID
    # It is in use: neither by Improv nor by its own questions is it given another key unasked.
    for way in ("--improv", "--port"):
        again = sluis("enrol", way, port)
        assert again.returncode != 0
        assert "--ssid" in again.stderr if way == "--improv" else "is in use" in again.stderr


@pytest.mark.parametrize("node", [(SECOND, False)], indirect=True)
def test_by_its_own_questions_and_again_by_its_prompt(sluis: Shell, node: tuple[Node, str]) -> None:
    board, port = node
    made = sluis.json("enrol", "--port", port, "--wait", "60")
    assert made["node"]["state"] == "proven"
    assert made["node"]["board"] == "virtual"
    board.send(b"\x03")  # somebody left it at its prompt
    wait_for(lambda: "Type" in board.said[-1] or any("help()" in line for line in board.said), "a prompt")
    again = sluis.json("enrol", "--port", port, "--again", "--wait", "60")
    assert (again["node"]["state"], again["node"]["generation"]) == ("proven", 2)
    assert board.read("/net.good") == board.read("/net.json")


@pytest.mark.parametrize("node", [(THIRD, True)], indirect=True)
def test_one_at_its_prompt_is_started_for_improv(sluis: Shell, node: tuple[Node, str]) -> None:
    board, port = node
    board.send(b"\x03")
    wait_for(lambda: any("help()" in line for line in board.said), "a prompt")
    done = sluis("enrol", "--improv", port, "--ssid", "attic", "--wait", "60", typed="attic is it\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert board.starts == 3  # by us, and with its key


@pytest.mark.parametrize("node", [("e66118604b4a2c24", False)], indirect=True)
def test_one_that_does_not_start_says_why(sluis: Shell, node: tuple[Node, str]) -> None:
    board, port = node
    board.stop()
    board.write({"/main.py": b"print('hello')\nraise ValueError('no luck')\n"})
    board.start()
    done = sluis("enrol", "--port", port)
    assert done.returncode == 1
    assert "does not start" in done.stderr
    assert "ValueError: no luck" in done.stderr
    assert "sluis flash" in done.stderr
