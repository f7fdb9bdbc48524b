"""Publishing for Home Assistant, over a real mosquitto."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sluis.model import Availability, Occurred, Occurrence
from sluis.runtime import Bus
from tests.conftest import Broker
from tests.services.upstream.conftest import SmallHouse, Watcher

PLUG = "sluis/ha/plug"


def config_topic(component: str, point: str) -> str:
    return f"homeassistant/{component}/sluis/plug--{point}/config"


async def test_every_point_becomes_the_right_entity(house: SmallHouse, watcher: Watcher, start: Any, eventually: Any):
    start()
    wanted = {
        "temperature": "sensor",
        "relay": "switch",
        "power": "sensor",
        "mode": "select",
        "level": "number",
        "identify": "button",
        "knob": "event",
        "door": "binary_sensor",
        "note": "sensor",
    }
    topics = {config_topic(component, point) for point, component in wanted.items()}
    await eventually(lambda: topics <= watcher.said.keys())
    temperature = watcher.config(config_topic("sensor", "temperature"))
    assert temperature["device_class"] == "temperature"
    assert temperature["unit_of_measurement"] == "°C"
    assert temperature["state_class"] == "measurement"
    assert temperature["expire_after"] == 85
    assert temperature["object_id"] == "coffee_machine_temperature"
    assert temperature["default_entity_id"] == "sensor.coffee_machine_temperature"
    assert temperature["unique_id"] == "sluis_plug_temperature"
    assert temperature["origin"] == {"name": "Sluis", "sw_version": "0.1"}
    assert temperature["availability"] == [{"topic": "sluis/ha/status"}, {"topic": f"{PLUG}/availability"}]
    assert temperature["device"] == {
        "identifiers": ["sluis_plug"],
        "name": "Coffee machine",
        "manufacturer": "Nous",
        "model": "A1T",
        "sw_version": "14.3",
        "suggested_area": "Kitchen",
        "via_device": "sluis",
    }
    assert watcher.config(config_topic("switch", "relay"))["device_class"] == "outlet"
    assert watcher.config(config_topic("select", "mode"))["options"] == ["eco", "comfort"]
    assert watcher.config(config_topic("select", "mode"))["entity_category"] == "config"
    level = watcher.config(config_topic("number", "level"))
    assert (level["min"], level["max"], level["step"]) == (0, 100, 1)
    assert watcher.config(config_topic("event", "knob"))["event_types"] == ["single", "double"]
    assert watcher.text("sluis/ha/status") == "online"


async def test_devices_that_came_by_discovery_are_not_echoed(watcher: Watcher, start: Any, eventually: Any):
    start()
    await eventually(lambda: config_topic("switch", "relay") in watcher.said)
    assert not [topic for topic in watcher.said if "found" in topic]


async def test_states_follow_and_what_is_not_known_is_not_shown(
    house: SmallHouse, watcher: Watcher, start: Any, eventually: Any
):
    start()
    await eventually(lambda: watcher.text(f"{PLUG}/temperature/state") == "None")
    house.presence("plug", Availability.ONLINE)
    house.read("plug", "temperature", 21.5)
    house.read("plug", "relay", True)
    await eventually(lambda: watcher.text(f"{PLUG}/temperature/state") == "21.5")
    await eventually(lambda: watcher.text(f"{PLUG}/relay/state") == "ON")
    await eventually(lambda: watcher.text(f"{PLUG}/availability") == "online")
    stale = house.twin("plug")
    later = stale.reported["temperature"].stamp
    house.bus.publish_batch(stale.expire(later._replace(mono_us=later.mono_us + 10**9)))
    await eventually(lambda: watcher.text(f"{PLUG}/temperature/state") == "None")
    house.presence("plug", Availability.UNKNOWN)
    await eventually(lambda: watcher.text(f"{PLUG}/availability") == "offline")


async def test_commands_come_back_as_states(house: SmallHouse, watcher: Watcher, start: Any, eventually: Any):
    start()
    await eventually(lambda: config_topic("switch", "relay") in watcher.said)
    for topic, body in (("relay", b"ON"), ("level", b"40"), ("mode", b"eco"), ("identify", b"PRESS")):
        await watcher.link.send(body, to=f"{PLUG}/{topic}/set")
    await eventually(lambda: len(house.wishes) == 4)
    assert sorted(house.wishes, key=lambda wish: wish[1]) == [
        ("plug", "identify", None, "upstream"),
        ("plug", "level", 40, "upstream"),
        ("plug", "mode", "eco", "upstream"),
        ("plug", "relay", True, "upstream"),
    ]
    await eventually(lambda: watcher.text(f"{PLUG}/relay/state") == "ON")
    await eventually(lambda: watcher.text(f"{PLUG}/level/state") == "40")


async def test_a_refused_command_shows_the_old_state_again(
    house: SmallHouse, watcher: Watcher, start: Any, eventually: Any
):
    service, _ = start()
    await eventually(lambda: config_topic("number", "level") in watcher.said)
    house.read("plug", "level", 7)
    await eventually(lambda: watcher.text(f"{PLUG}/level/state") == "7")
    watcher.log.clear()
    await watcher.link.send(b"13", to=f"{PLUG}/level/set")
    await watcher.link.send(b"\xff", to=f"{PLUG}/relay/set")
    await watcher.link.send(b"maybe", to=f"{PLUG}/relay/set")
    await eventually(lambda: service.refused == 3)
    await eventually(lambda: (f"{PLUG}/level/state", b"7") in watcher.log)
    assert house.wishes == []


async def test_a_retained_command_is_not_carried_out(house: SmallHouse, watcher: Watcher, start: Any, eventually: Any):
    await watcher.link.send(b"ON", to=f"{PLUG}/relay/set", retain=True)
    start()
    await eventually(lambda: config_topic("switch", "relay") in watcher.said)
    await watcher.link.send(b"OFF", to=f"{PLUG}/relay/set")
    await eventually(lambda: len(house.wishes) == 1)
    assert house.wishes[0][2] is False


async def test_said_again_when_home_assistant_starts(watcher: Watcher, start: Any, eventually: Any):
    start()
    topic = config_topic("switch", "relay")
    await eventually(lambda: topic in watcher.said and f"{PLUG}/relay/state" in watcher.said)
    watcher.said.clear()
    await watcher.link.send(b"online", to="homeassistant/status")
    await eventually(lambda: topic in watcher.said and f"{PLUG}/relay/state" in watcher.said)


async def test_said_again_after_the_broker_lost_everything(
    broker: Broker, house: SmallHouse, watcher: Watcher, start: Any, eventually: Any
):
    start()
    topic = config_topic("switch", "relay")
    await eventually(lambda: topic in watcher.said)
    broker.kill()
    for file in broker.folder.glob("*.db"):
        file.unlink()
    house.read("plug", "relay", True)
    watcher.said.clear()
    broker.start()
    await eventually(lambda: topic in watcher.said and watcher.text(f"{PLUG}/relay/state") == "ON", within_s=20)


async def test_a_retired_device_is_withdrawn(house: SmallHouse, watcher: Watcher, start: Any, eventually: Any):
    start()
    topic = config_topic("switch", "relay")
    await eventually(lambda: watcher.text(topic) != "")
    house.retire("plug")
    await eventually(lambda: watcher.said[topic] == b"")
    await eventually(lambda: watcher.said[config_topic("sensor", "temperature")] == b"")


async def test_what_was_retired_while_we_were_away_is_withdrawn(
    house: SmallHouse, watcher: Watcher, start: Any, eventually: Any
):
    orphan = "homeassistant/sensor/sluis/gone--temperature/config"
    other = "homeassistant/sensor/elsewhere/x/config"
    for topic in (orphan, other):
        await watcher.link.send(b'{"state_topic": "x"}', to=topic, retain=True)
    start()
    await eventually(lambda: watcher.said.get(orphan) == b"")
    assert watcher.said[other] != b""


async def test_switched_off_withdraws_everything(watcher: Watcher, start: Any, eventually: Any):
    _, tasks = start()
    topic = config_topic("switch", "relay")
    await eventually(lambda: watcher.text(topic) != "")
    for task in tasks:
        task.cancel()
    await eventually(lambda: all(task.done() for task in tasks))
    start(enabled=False)
    await eventually(lambda: watcher.said[topic] == b"")
    await eventually(lambda: watcher.said["homeassistant/binary_sensor/sluis/gateway/config"] == b"")


async def test_device_form(watcher: Watcher, start: Any, eventually: Any):
    start(device_form=True)
    topic = "homeassistant/device/sluis/plug/config"
    await eventually(lambda: topic in watcher.said)
    config = watcher.config(topic)
    assert config["components"]["relay"]["platform"] == "switch"
    assert config["device"]["identifiers"] == ["sluis_plug"]
    assert config["origin"]["name"] == "Sluis"
    assert config_topic("switch", "relay") not in watcher.said


async def test_a_renamed_device_is_published_anew(house: SmallHouse, watcher: Watcher, start: Any, eventually: Any):
    start()
    topic = config_topic("switch", "relay")
    await eventually(lambda: topic in watcher.said)
    house.change(replace(house.device("plug"), name="Kettle"), "updated")
    await eventually(lambda: watcher.config(topic)["device"]["name"] == "Kettle")


async def test_occurrences_are_events_and_new_kinds_are_announced_first(
    house: SmallHouse, bus: Bus, watcher: Watcher, start: Any, eventually: Any
):
    start()
    topic = config_topic("event", "knob")
    await eventually(lambda: topic in watcher.said)
    bus.publish(Occurred("plug", Occurrence("knob", "double"), house.clock.stamp()))
    await eventually(
        lambda: watcher.text(f"{PLUG}/knob/state") == json.dumps({"event_type": "double"}).replace(" ", "")
    )
    bus.publish(Occurred("plug", Occurrence("knob", "shake"), house.clock.stamp()))
    await eventually(lambda: "shake" in watcher.text(f"{PLUG}/knob/state"))
    assert "shake" in watcher.config(topic)["event_types"]


async def test_the_will_says_that_the_gateway_is_gone(watcher: Watcher, start: Any, eventually: Any):
    _, tasks = start()
    await eventually(lambda: watcher.text("sluis/ha/status") == "online")
    for task in tasks:
        task.cancel()
    await eventually(lambda: watcher.text("sluis/ha/status") == "offline")
