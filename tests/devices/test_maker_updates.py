"""A maker's own firmware through the drivers, against the stand-ins: offered, started, refused, failed, done."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.devices.test_stand_ins import Air, shelly, tasmota, zigbee

from sluis.demo.office import small_office
from sluis.demo.zigbee2mqtt import Bulb, Zigbee2Mqtt
from sluis.model import Refused
from sluis.sdk import Driver
from sluis_drivers.shelly.gen2 import ShellyGen2
from sluis_drivers.tasmota.device import Tasmota
from sluis_drivers.zigbee2mqtt.bridge import Zigbee2Mqtt as Zigbee2MqttDriver

PLUG, RELAY = "D8BFC01A2B3C", "shellyplus1pm-a8032ab12345"
FAMILIES = [
    (tasmota, Tasmota, PLUG, "13.4.0", "14.2.0", "http://demo.invalid/tasmota.bin.gz", "14.3.0"),
    (shelly, ShellyGen2, RELAY, "1.4.4", "1.5.1", "http://demo.invalid/plus1pm.zip", "1.6.2"),
]


def started(make: Any, cls: type[Driver]) -> Air:
    air = Air(make(small_office(hour=9.5), random.Random(1)), cls)
    air.pass_time(20)
    air.subscribe()
    return air


def states(air: Air) -> list[Any]:
    """Each state once, in the order in which they came."""
    said = [getattr(item, "value", None) for _, item in air.said if getattr(item, "point", "") == "firmware_state"]
    return [state for at, state in enumerate(said) if at == 0 or said[at - 1] != state]


@pytest.mark.parametrize(("make", "cls", "name", "before", "newest", "url", "special"), FAMILIES)
def test_updated_by_the_maker_and_then_from_a_url(
    make: Any, cls: type[Driver], name: str, before: str, newest: str, url: str, special: str
) -> None:
    air = started(make, cls)
    assert air.latest(name)["firmware_installed"] == before
    for value, version in ((None, newest), (url, special)):
        air.said.clear()
        air.command(name, "firmware_update", value)
        air.pass_time(30)
        air.subscribe()
        assert states(air) == ["downloading", "installing", "idle"]
        assert air.latest(name)["firmware_installed"] == version
        assert air.latest(name)["firmware_reason"] == ""


@pytest.mark.parametrize(("make", "cls", "name", "before", "newest", "url", "special"), FAMILIES)
def test_an_image_that_is_not_there_changes_nothing(
    make: Any, cls: type[Driver], name: str, before: str, newest: str, url: str, special: str
) -> None:
    air = started(make, cls)
    air.command(name, "firmware_update", url + ".missing")
    air.pass_time(30)
    assert states(air)[-2:] == ["downloading", "failed"]
    assert "404" in str(air.latest(name)["firmware_reason"])
    assert air.latest(name)["firmware_installed"] == before


def test_a_shelly_says_what_is_newer_and_refuses_what_is_not() -> None:
    air = started(shelly, ShellyGen2)
    assert air.latest(RELAY)["firmware_available"] == "1.5.1"
    air.command(RELAY, "firmware_update", None)
    with pytest.raises(Refused, match="already in progress"):
        air.command(RELAY, "firmware_update", None)
    air.pass_time(30)
    air.command(RELAY, "firmware_check", None)
    assert air.latest(RELAY)["firmware_available"] == ""
    assert 55 in [
        getattr(item, "value", None) for _, item in air.said if getattr(item, "point", "") == "firmware_progress"
    ]
    with pytest.raises(Refused, match="no update available"):
        air.command(RELAY, "firmware_update", None)


def test_a_bridge_updates_its_bulb_or_says_why_not() -> None:
    air = started(zigbee, Zigbee2MqttDriver)
    bridge = air.stand_in
    assert isinstance(bridge, Zigbee2Mqtt)
    bulb = next(one for one in bridge.devices.values() if isinstance(one, Bulb))
    updatable = [d.native_id for d in air.drivers() if "firmware_update" in {p.key for p in d.points()}]
    assert updatable == [bulb.ieee]
    air.command(bulb.ieee, "firmware_check", None)
    assert air.latest(bulb.ieee)["firmware_available"] == "587880003"
    bulb.deaf = True
    air.command(bulb.ieee, "firmware_update", None)
    air.pass_time(30)
    assert air.latest(bulb.ieee)["firmware_state"] == "failed"
    assert "didn't respond" in str(air.latest(bulb.ieee)["firmware_reason"])
    air.said.clear()
    air.command(bulb.ieee, "firmware_update", None)
    air.pass_time(30)
    assert states(air) == ["downloading", "idle"]
    assert air.latest(bulb.ieee)["firmware_installed"] == "587880003"
    air.command(bulb.ieee, "firmware_update", None)
    air.pass_time(5)
    assert "No image" in str(air.latest(bulb.ieee)["firmware_reason"])
