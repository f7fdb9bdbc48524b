"""The two devices that use Home Assistant discovery: per entity (ESPHome) and device-based (air monitor)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from sluis.demo.air_monitor import AirMonitor
from sluis.demo.esphome import EsphomeNode, fnv1
from sluis.demo.office import Office
from sluis.demo.standin import Now

At = Callable[[float], Now]
ByTopic = Callable[..., dict[str, Any]]


@pytest.fixture
def node(office: Office, chance: random.Random) -> EsphomeNode:
    return EsphomeNode(office, chance)


@pytest.fixture
def monitor(office: Office, chance: random.Random) -> AirMonitor:
    return AirMonitor(office, chance)


def test_every_entity_is_announced_with_one_device(node: EsphomeNode, at: At, by_topic: ByTopic) -> None:
    said = by_topic(node.connected(at(0)))
    configs = {topic: body for topic, body in said.items() if topic.startswith("homeassistant/")}
    assert len(configs) == 8
    assert len({body["uniq_id"] for body in configs.values()}) == 8
    for topic, body in configs.items():
        _, component, node_id, object_id, _ = topic.split("/")
        assert body["stat_t"] == f"{node_id}/{component}/{object_id}/state"
        assert ("cmd_t" in body) == (component in ("switch", "light"))
        assert body["avty_t"] == f"{node_id}/status"
        assert body["dev"]["ids"] == node.mac
    assert configs["homeassistant/light/esp-greenhouse/grow_light/config"]["schema"] == "json"


def test_what_esphome_retains(node: EsphomeNode, at: At) -> None:
    sent = [*node.connected(at(0)), *node.tick(at(0)), *node.tick(at(1.1))]
    assert all(m.retain for m in sent if not m.topic.endswith("/debug"))
    assert [m for m in sent if m.topic.endswith("/debug") and not m.retain]
    states = {m.topic: m.payload for m in sent if m.topic.endswith("/state")}
    assert float(states["esp-greenhouse/sensor/temperature/state"]) == pytest.approx(15.0, abs=0.2)
    assert node.will.payload == b"offline"


def test_switch_and_light_commands(node: EsphomeNode, office: Office, at: At, by_topic: ByTopic) -> None:
    assert by_topic(node.received("esp-greenhouse/switch/pump/command", b"ON", at(0))) == {
        "esp-greenhouse/switch/pump/state": "ON"
    }
    assert office.loads["pump"].on
    sent = node.received("esp-greenhouse/light/grow_light/command", b'{"state":"ON","brightness":128}', at(0))
    state = by_topic(sent)["esp-greenhouse/light/grow_light/state"]
    assert (state["state"], state["brightness"], state["color_mode"]) == ("ON", 128, "brightness")
    assert office.loads["grow light"].watts == pytest.approx(30.1, abs=0.1)
    assert by_topic(node.received("esp-greenhouse/switch/pump/command", b"rubbish", at(0))) == {
        "esp-greenhouse/switch/pump/state": "ON"
    }


def test_fnv1_is_the_published_one() -> None:
    assert fnv1("") == 0x811C9DC5
    assert fnv1("foobar") == 0x31F0B262  # FNV test vectors, isthe.com/chongo/tech/comp/fnv


def test_device_based_discovery(monitor: AirMonitor, at: At, by_topic: ByTopic) -> None:
    sent = list(monitor.connected(at(0)))
    config = by_topic(sent)["homeassistant/device/am2-0047/config"]
    assert sent[0].retain
    assert {"dev", "o", "cmps"} <= config.keys()
    assert all({"p", "uniq_id"} <= part.keys() for part in config["cmps"].values())
    state = json.loads(next(iter([*monitor.tick(at(0)), *monitor.tick(at(1))])).payload)
    assert set(config["cmps"]) - {"calibrate"} == set(state)


def test_it_announces_again_when_home_assistant_is_born(monitor: AirMonitor, at: At, by_topic: ByTopic) -> None:
    said = by_topic(monitor.received("homeassistant/status", b"online", at(0)))
    assert set(said) == {"homeassistant/device/am2-0047/config", "airmon/am2-0047/state"}
    assert not by_topic(monitor.received("homeassistant/status", b"offline", at(0)))


def test_settings_of_the_monitor(monitor: AirMonitor, at: At, by_topic: ByTopic) -> None:
    assert by_topic(monitor.received("airmon/am2-0047/led/set", b"75", at(0)))["airmon/am2-0047/state"]["led"] == 75
    assert not by_topic(monitor.received("airmon/am2-0047/led/set", b"bright", at(0)))
    assert by_topic(monitor.received("airmon/am2-0047/calibrate/set", b"PRESS", at(0)))
