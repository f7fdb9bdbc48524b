"""The Tasmota stand-in against Home Assistant's own reading of the protocol (hatasmota), and the documentation."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hatasmota.discovery import TasmotaDiscoveryMsg, get_device_config, get_sensor_entities, get_switch_entities

from sluis.demo.office import Office
from sluis.demo.standin import Now
from sluis.demo.tasmota import TasmotaPlug

T = "tasmota_1A2B3C"
At = Callable[[float], Now]
ByTopic = Callable[..., dict[str, Any]]


@pytest.fixture
def plug(office: Office, chance: random.Random) -> TasmotaPlug:
    return TasmotaPlug(office, chance, name="heater", friendly_name="Heater", mac="D8BFC01A2B3C", load="heater")


def test_hatasmota_accepts_the_discovery(plug: TasmotaPlug, at: At, by_topic: ByTopic) -> None:
    list(plug.connected(at(0)))
    assert not [m for m in plug.tick(at(9)) if "discovery" in m.topic]
    sent = list(plug.tick(at(10)))
    assert all(m.retain for m in sent if "discovery" in m.topic)
    said = by_topic(sent)
    config = TasmotaDiscoveryMsg(said["tasmota/discovery/D8BFC01A2B3C/config"])
    device = get_device_config(config)
    assert (device["name"], device["sw"]) == ("Heater", "13.4.0")
    switches = [entity for entity, _ in get_switch_entities(config) if entity is not None]
    assert [(s.state_topic, s.result_topic) for s in switches] == [(f"tele/{T}/STATE", f"stat/{T}/RESULT")]
    sensors = get_sensor_entities(said["tasmota/discovery/D8BFC01A2B3C/sensors"], config)
    quantities: set[str] = {entity.quantity for entity, _ in sensors}
    assert {"Power", "Voltage", "Current", "Total", "Factor"} <= quantities


def test_it_says_what_it_is_on_connecting(plug: TasmotaPlug, at: At, by_topic: ByTopic) -> None:
    sent = list(plug.connected(at(0)))
    assert sent[0].topic == f"tele/{T}/LWT"
    assert sent[0].payload == b"Online"
    assert sent[0].retain
    assert (plug.will.topic, plug.will.payload, plug.will.retain) == (f"tele/{T}/LWT", b"Offline", True)
    assert by_topic(sent)[f"stat/{T}/POWER"] == "OFF"
    assert all(m.qos == 0 for m in sent)


@pytest.mark.parametrize(
    ("word", "power"),
    [
        ("ON", "ON"),
        ("on", "ON"),
        ("1", "ON"),
        ("true", "ON"),
        ("OFF", "OFF"),
        ("0", "OFF"),
        ("TOGGLE", "ON"),
        ("2", "ON"),
        ("", "OFF"),
        ("BLA", "OFF"),
    ],
)
def test_power(plug: TasmotaPlug, at: At, by_topic: ByTopic, word: str, power: str) -> None:
    said = by_topic(plug.received(f"cmnd/{T}/Power1", word.encode(), at(0)))
    assert said == {f"stat/{T}/RESULT": {"POWER": power}, f"stat/{T}/POWER": power}
    assert plug.load.on == (power == "ON")


def test_power_drawn_shows_in_the_telemetry(plug: TasmotaPlug, office: Office, at: At, by_topic: ByTopic) -> None:
    list(plug.connected(at(0)))
    first = by_topic(plug.tick(at(2))) | by_topic(plug.tick(at(4.1)))
    assert first[f"tele/{T}/SENSOR"]["ENERGY"]["Power"] == 0
    list(plug.received(f"cmnd/{T}/POWER", b"ON", at(5)))
    office.step(5)
    energy = by_topic(plug.tick(at(5.2)))[f"tele/{T}/SENSOR"]["ENERGY"]
    assert energy["Power"] == pytest.approx(1500, rel=0.02)
    assert "Period" not in energy, "a report between periods carries no Period"
    assert energy["Current"] == pytest.approx(energy["ApparentPower"] / energy["Voltage"], abs=0.01)


def test_status_0_answers_each_status_on_its_own_topic(plug: TasmotaPlug, at: At, by_topic: ByTopic) -> None:
    said = by_topic(plug.received(f"cmnd/{T}/Status", b"0", at(0)))
    assert said[f"stat/{T}/STATUS"]["Status"]["Power"] == "0"
    assert said[f"stat/{T}/STATUS2"]["StatusFWR"]["Version"] == "13.4.0(release-tasmota)"
    assert said[f"stat/{T}/STATUS5"]["StatusNET"]["Mac"] == "D8:BF:C0:1A:2B:3C"
    assert "ENERGY" in said[f"stat/{T}/STATUS10"]["StatusSNS"]
    assert said[f"stat/{T}/STATUS11"]["StatusSTS"]["POWER"] == "OFF"
    assert list(by_topic(plug.received(f"cmnd/{T}/STATUS", b"8", at(0)))) == [f"stat/{T}/STATUS8"]


def test_backlog_runs_its_commands_one_after_the_other(plug: TasmotaPlug, at: At, by_topic: ByTopic) -> None:
    list(plug.connected(at(0)))
    said = by_topic(plug.received(f"cmnd/{T}/Backlog", b"Power ON; TelePeriod 20", at(1)))
    assert said[f"stat/{T}/RESULT"] == {"Backlog": "Appended"}
    first = [json.loads(m.payload) for m in plug.tick(at(1)) if m.topic.endswith("RESULT")]
    second = [json.loads(m.payload) for m in plug.tick(at(1.25)) if m.topic.endswith("RESULT")]
    assert (first, second) == ([{"POWER": "ON"}], [{"TelePeriod": 20}])


def test_an_unknown_command_is_named(plug: TasmotaPlug, at: At, by_topic: ByTopic) -> None:
    assert by_topic(plug.received(f"cmnd/{T}/Frobnicate", b"", at(0))) == {
        f"stat/{T}/RESULT": {"Command": "Unknown", "Input": "FROBNICATE"}
    }
