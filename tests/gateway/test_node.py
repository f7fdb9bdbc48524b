"""A node from enrolment to a switched relay: real firmware on the real MicroPython, over TLS, in the whole gateway."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.vm import Node

from .conftest import Demo, command, of_driver, value, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

UID = "e66118604b4a2c21"
WIRED = {
    "name": "Boiler room",
    "led": 25,
    "health_every_s": 5,
    "buses": {"wire": {"bus": "onewire", "pin": 4}},
    "parts": {
        "boiler": {"part": "ds18b20", "bus": "wire", "every_s": 1},
        "pump": {"part": "relay", "pin": 16},
    },
}


def issued(demo: Demo) -> dict[str, Any]:
    with demo.client() as client:
        answer = client.post("nodes", json={"id": UID, "board": "virtual"})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    # The demo's listener is on loopback, where a technician's would be on the network.
    told["net"]["broker"]["hosts"] = ["127.0.0.1"]
    return told


def test_enrolled_announced_tested_adopted_and_obeying(demo: Demo, tmp_path: Path) -> None:
    told = issued(demo)
    node = Node(tmp_path / "node", UID)
    node.write({"/net.json": told["net"], "/ca.der": base64.b64decode(told["ca_der"]), "/node.json": WIRED})
    node.show_world({"4": {"onewire": [{"part": "ds18b20", "address": "28aabbccddee01", "temperature": 47.5}]}})
    node.start()
    try:
        with demo.client() as client:
            wait_for(lambda: client.get(f"nodes/{UID}").json()["device"], "an announced node")
            tested = client.post(f"nodes/{UID}/test")
            assert tested.status_code == 200, tested.text
            assert tested.json()["state"] == "proven", tested.json()
            wish = {"setup_code": told["setup_code"], "name": "Boiler room"}
            adopted = client.post("nodes/adopt", json=wish)
            assert adopted.status_code == 200, adopted.text
            assert client.post(f"nodes/{UID}/identify").status_code == 204
            wait_for(lambda: node.level(25) == 1, "a lamp that blinks")
        key = adopted.json()["key"]
        assert value(demo, key, "boiler") == 47.5
        assert command(demo, key, "pump", True)["stage"] in ("done", "effective")
        wait_for(lambda: node.level(16) == 1, "a relay that moves")
        assert not [one for one in of_driver(demo, "homeassistant-mqtt") if one["native_id"] == UID]
        wait_for(lambda: value(demo, key, "free_memory") > 0, "health")
        rewired(demo, node)
    finally:
        node.stop()
    # Its will tells that it is gone.
    wait_for(lambda: _availability(demo) == "offline", "an offline node")


def rewired(demo: Demo, node: Node) -> None:
    """A part more over the API: checked here, tried and kept by the node, and moved with its own tests."""
    wired = WIRED | {"parts": {**WIRED["parts"], "fan": {"part": "relay", "pin": 16}}}  # type: ignore[dict-item]
    with demo.client() as client:
        refused = client.put(f"nodes/{UID}/config", json={"config": wired})
        assert refused.status_code == 422, refused.text
        assert {one["field"] for one in refused.json()["errors"]} <= {"parts.fan.pin", "parts.pump.pin"}
        wired["parts"]["fan"]["pin"] = 17  # type: ignore[index]
        taken = client.put(f"nodes/{UID}/config", json={"config": wired, "trial_s": 120})
        assert taken.status_code == 200, taken.text
        trial = f"nodes/{UID}/config/trial"
        wait_for(lambda: client.get(trial).json()["stage"] != "trying", "the end of a trial", 120)
        assert client.get(trial).json()["stage"] == "kept", client.get(trial).json()
        tested = client.post(f"nodes/{UID}/test").json()
        assert "fan" in {one["part"] for one in tested["tests"]}, tested
        assert tested["state"] == "proven", tested
    wait_for(lambda: node.level(17) == 0, "a second relay")


def _availability(demo: Demo) -> str:
    (found,) = [one for one in of_driver(demo, "sluis-node") if one["native_id"] == UID]
    word: str = found["availability"]
    return word
