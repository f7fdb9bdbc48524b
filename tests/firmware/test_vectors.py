"""The pure parts: the same golden vectors on CPython and on MicroPython, and what the gateway makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sluis.model import Frame
from sluis.sdk.testing.link import START
from sluis.wire.ha_discovery import NODE_ORIGIN, read_announcement
from sluis_drivers.homeassistant.mqtt import HomeAssistantMqtt
from sluis_drivers.sluis.node import Node
from tests.firmware.vm import LIB, UNIX, application, micropython, run

HERE = Path(__file__).parent
VECTORS = HERE / "vectors" / "node.jsonl"
PARTS = HERE / "vectors" / "parts.jsonl"
IMPROV = HERE.parent / "vectors" / "improv.jsonl"
"""Shared with `tests/wire/test_improv.py`, as the gateway speaks it too."""

SLOT_BUDGET = 80 * 1024
"""Bytes of the application without parts. Two slots, the settings and a release share 848 KiB on the smallest board."""

MEMORY_BUDGET = 160_000
"""Bytes of heap that the imported application takes on this VM, whose objects are about twice as large as a board's:
some 75 kB there, of 180."""


def cases(vectors: Path = VECTORS) -> list[dict[str, Any]]:
    return [json.loads(line) for line in vectors.read_text().splitlines() if line.strip()]


@pytest.mark.parametrize("vectors", [VECTORS, PARTS, IMPROV], ids=["node", "parts", "improv"])
@pytest.mark.parametrize("interpreter", ["python", "micropython"])
def test_both_interpreters_give_what_is_golden(interpreter: str, vectors: Path) -> None:
    if interpreter == "python":
        command = [sys.executable, str(HERE / "replay.py"), str(vectors)]
        ended = subprocess.run(command, env={"PYTHONPATH": str(LIB)}, capture_output=True, text=True, check=False)
    else:
        command = [micropython(), "-X", "heapsize=512K", str(HERE / "replay.py"), str(vectors)]
        ended = subprocess.run(
            command, env={"MICROPYPATH": f".frozen:{LIB}:{UNIX}"}, capture_output=True, text=True, check=False
        )
    assert ended.stdout == f"replayed {len(cases(vectors))}\n", ended.stdout + ended.stderr


def test_the_gateway_reads_both_announcements() -> None:
    (told,) = [case["expects"] for case in cases() if case["kind"] == "announce"]
    topic = "homeassistant/device/e66118604b4a2c21/config"
    payload = json.dumps(told["home_assistant"]).encode()
    found = read_announcement(topic, payload)
    assert found.origin == NODE_ORIGIN
    assert found.native_id == "e66118604b4a2c21"
    assert found.entities is not None
    assert found.entities["boiler"]["state_topic"] == "sluis/e66118604b4a2c21/telemetry"
    assert not list(HomeAssistantMqtt.sniff(Frame("x", topic, payload, START, True)))
    announced = Frame("x", "sluis/e66118604b4a2c21/announce", json.dumps(told["sluis"]).encode(), START, True)
    (one,) = Node.sniff(announced)
    points = {point.key for point in Node("e66118604b4a2c21", {"": one.content}).points()}
    assert points == {*told["sluis"]["points"], "identify", "restart"}
    assert set(found.entities) == points | {"firmware"}


def test_others_see_the_same_values_through_the_templates_for_home_assistant() -> None:
    """With another origin it is a device like any other, and our own driver plays Home Assistant."""
    (told,) = [case["expects"] for case in cases() if case["kind"] == "announce"]
    topic = "homeassistant/device/n/config"
    strange = json.dumps({**told["home_assistant"], "o": {"name": "other"}}).encode()
    (one,) = HomeAssistantMqtt.sniff(Frame("x", topic, strange, START, True))
    driver = HomeAssistantMqtt(one.native_id, {one.fragment: one.content})
    assert not driver.passed_over
    payload = b'{"boot":"a","seq":1,"boiler":21.5,"pump":true}'
    readings = {
        each.point: each.value  # type: ignore[union-attr]
        for each in driver.decode(Frame("x", "sluis/e66118604b4a2c21/telemetry", payload, START))
        if hasattr(each, "value")
    }
    assert readings["boiler"] == 21.5
    assert readings["pump"] is True
    assert "meter" not in readings


def test_the_application_stays_small() -> None:
    size = sum(len(file.content) for file in application() if "/parts/" not in file.path)
    assert size < SLOT_BUDGET
    taken = run(
        "import gc\ngc.collect()\nbefore = gc.mem_alloc()\n"
        "import sluis_node.app\ngc.collect()\nprint(gc.mem_alloc() - before)"
    )
    assert int(taken) < MEMORY_BUDGET
