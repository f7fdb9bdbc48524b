"""The Zigbee2MQTT stand-in against its guide."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluis.demo.office import Office
from sluis.demo.standin import Now
from sluis.demo.zigbee2mqtt import Zigbee2Mqtt

At = Callable[[float], Now]
ByTopic = Callable[..., dict[str, Any]]


@pytest.fixture
def bridge(office: Office, chance: random.Random) -> Zigbee2Mqtt:
    return Zigbee2Mqtt(office, chance)


def generic(exposes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All generic exposes, those inside features too."""
    for each in exposes:
        if "features" in each:
            yield from generic(each["features"])
        else:
            yield each


def test_the_bridge_describes_its_devices_as_the_guide_says(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    sent = list(bridge.connected(at(0)))
    assert sent[0].topic == "zigbee2mqtt/bridge/state"
    assert all(m.retain for m in sent if m.topic.startswith("zigbee2mqtt/bridge/") and not m.topic.endswith("logging"))
    said = by_topic(sent)
    assert said["zigbee2mqtt/bridge/state"] == {"state": "online"}
    devices = said["zigbee2mqtt/bridge/devices"]
    assert devices[0]["type"] == "Coordinator"
    assert devices[0]["definition"] is None
    for device in devices[1:]:
        assert device["interview_completed"]
        assert device["supported"]
        assert {"model", "vendor", "description", "exposes", "options", "supports_ota"} <= device["definition"].keys()
        for expose in generic(device["definition"]["exposes"]):
            assert {"type", "name", "property", "label", "access"} <= expose.keys()
            assert expose["type"] in ("binary", "numeric", "enum", "text")
            assert 1 <= expose["access"] <= 7
            if expose["type"] == "binary":
                assert {"value_on", "value_off"} <= expose.keys()
        assert said[f"zigbee2mqtt/{device['friendly_name']}/availability"] == {"state": "online"}


def test_every_reported_property_is_exposed(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    unlisted = {"update", "color_mode"}
    for device in bridge.devices.values():
        exposed = {e["property"] for e in generic(device.definition["exposes"])}
        assert set(device.measure()) - exposed - unlisted == set()


def test_set_changes_the_lamp_and_reports_it(bridge: Zigbee2Mqtt, office: Office, at: At, by_topic: ByTopic) -> None:
    lamp = office.loads["bulb light"]
    topic = "zigbee2mqtt/reception_lamp"
    said = by_topic(bridge.received(f"{topic}/set", b'{"state":"ON","brightness":254}', at(0)))[topic]
    assert (said["state"], said["brightness"]) == ("ON", 254)
    assert lamp.watts == pytest.approx(9.5)
    assert by_topic(bridge.received(f"{topic}/set", b"OFF", at(0)))[topic]["state"] == "OFF"
    assert by_topic(bridge.received(f"{topic}/set/brightness", b"127", at(0)))[topic]["state"] == "ON"
    assert by_topic(bridge.received(f"{topic}/get", b'{"state":""}', at(0)))[topic]["brightness"] == 127
    assert list(by_topic(bridge.received("zigbee2mqtt/nobody/set", b"{}", at(0)))) == ["zigbee2mqtt/bridge/logging"]


def test_a_name_with_a_slash(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    sent = [m for second in range(5) for m in bridge.tick(at(second))]
    assert by_topic(sent)["zigbee2mqtt/office/climate"]["temperature"] == pytest.approx(20.4, abs=0.5)


def test_access_decides_what_can_be_got_and_set(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    for verb in ("get", "set"):
        said = by_topic(bridge.received(f"zigbee2mqtt/office/climate/{verb}", b'{"temperature":""}', at(0)))
        assert said["zigbee2mqtt/bridge/logging"]["message"].startswith(
            f"No converter available for '{verb}' 'temperature'"
        )
    assert "zigbee2mqtt/printer_plug" in by_topic(
        bridge.received("zigbee2mqtt/printer_plug/get", b'{"power":""}', at(0))
    )


def test_the_contact_reports_a_change_at_once(bridge: Zigbee2Mqtt, office: Office, at: At, by_topic: ByTopic) -> None:
    for second in range(5):
        list(bridge.tick(at(second)))
    office.door_open = True
    assert by_topic(bridge.tick(at(5)))["zigbee2mqtt/office/window"]["contact"] is False


def test_an_action_is_published_but_never_kept(bridge: Zigbee2Mqtt, at: At) -> None:
    button = bridge.devices["reception_button"]
    sent = [m for second in range(25) for m in bridge.tick(at(second)) if m.topic.endswith("reception_button")]
    assert json.loads(sent[0].payload)["action"] in ("single", "double", "hold")
    assert not sent[0].retain
    assert "action" not in button.state


def test_permit_join_answers_with_the_transaction_and_ends_by_itself(
    bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic
) -> None:
    asked = json.dumps({"time": 60, "transaction": "t-1"}).encode()
    said = by_topic(bridge.received("zigbee2mqtt/bridge/request/permit_join", asked, at(0)))
    assert said["zigbee2mqtt/bridge/response/permit_join"] == {
        "data": {"time": 60},
        "status": "ok",
        "transaction": "t-1",
    }
    assert said["zigbee2mqtt/bridge/info"]["permit_join"] is True
    assert said["zigbee2mqtt/bridge/info"]["permit_join_end"] == int((at(60).unix_s) * 1000)
    assert by_topic(bridge.tick(at(61)))["zigbee2mqtt/bridge/info"]["permit_join"] is False


def test_errors_have_empty_data(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    asked = b'{"from":"nobody","to":"x","transaction":5}'
    said = by_topic(bridge.received("zigbee2mqtt/bridge/request/device/rename", asked, at(0)))
    assert said["zigbee2mqtt/bridge/response/device/rename"] == {
        "data": {},
        "status": "error",
        "error": "Device 'nobody' does not exist",
        "transaction": 5,
    }


def test_rename_moves_everything_to_the_new_name(bridge: Zigbee2Mqtt, at: At, by_topic: ByTopic) -> None:
    sent = list(
        bridge.received("zigbee2mqtt/bridge/request/device/rename", b'{"from":"printer_plug","to":"print"}', at(0))
    )
    said = by_topic(sent)
    assert said["zigbee2mqtt/printer_plug/availability"] == ""
    assert "print" in [d["friendly_name"] for d in said["zigbee2mqtt/bridge/devices"]]
    assert said["zigbee2mqtt/bridge/response/device/rename"]["data"]["to"] == "print"
