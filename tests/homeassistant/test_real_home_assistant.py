"""What a real Home Assistant makes of what we publish. Runs where `SLUIS_HASS` names one; see `real.py`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sluis.model import Availability
from tests.conftest import Broker, a_free_port
from tests.homeassistant.real import RealHomeAssistant
from tests.services.upstream.conftest import SmallHouse, bus, clock, house, start

__all__ = ["bus", "clock", "house", "start"]

HASS = os.environ.get("SLUIS_HASS", "")

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not HASS, reason="SLUIS_HASS names no Home Assistant"),
]


async def test_names_units_availability_and_commands(
    broker: Broker, house: SmallHouse, start: Any, tmp_path: Path, eventually: Any
) -> None:
    real = RealHomeAssistant(Path(HASS), tmp_path / "hass", a_free_port(), broker.port)
    real.prepare()
    start()
    real.start()
    try:
        await real.sign_in()
        await check_entities(real, house, eventually)
        await check_commands(real, house, eventually)
        await check_absence(real, house, eventually)
    finally:
        real.stop()
    complaints = [line for line in real.log.splitlines() if "mqtt" in line.lower()]
    assert not complaints, "\n".join(complaints)


async def check_entities(real: RealHomeAssistant, house: SmallHouse, eventually: Any) -> None:
    house.presence("plug", Availability.ONLINE)
    house.read("plug", "temperature", 21.5)
    house.read("plug", "relay", False)
    house.read("plug", "door", True)
    house.read("plug", "mode", "eco")
    house.read("plug", "level", 40)

    async def shows(entity_id: str, state: str) -> bool:
        return (await real.state(entity_id))["state"] == state

    for entity_id, state in {
        "sensor.coffee_machine_temperature": "21.5",
        "switch.coffee_machine_relay": "off",
        "binary_sensor.coffee_machine_door": "on",
        "select.coffee_machine_mode": "eco",
        "number.coffee_machine_level": "40",
        "sensor.coffee_machine_power": "unknown",
        "binary_sensor.sluis_gateway": "on",
    }.items():
        await eventually(lambda entity_id=entity_id, state=state: shows(entity_id, state), within_s=30)
    shown = (await real.state("sensor.coffee_machine_temperature"))["attributes"]
    assert shown["unit_of_measurement"] == "°C"
    assert shown["device_class"] == "temperature"
    assert shown["friendly_name"] == "Coffee machine Temperature"
    assert (await real.state("button.coffee_machine_identify"))["state"] != ""
    assert (await real.state("event.coffee_machine_knob"))["attributes"]["event_types"] == ["single", "double"]


async def check_commands(real: RealHomeAssistant, house: SmallHouse, eventually: Any) -> None:
    async def is_on() -> bool:
        return (await real.state("switch.coffee_machine_relay"))["state"] == "on"

    await real.call("switch/turn_on", "switch.coffee_machine_relay")
    await eventually(lambda: ("plug", "relay", True, "upstream") in house.wishes)
    await eventually(is_on)
    await real.call("number/set_value", "number.coffee_machine_level", value=55)
    await real.call("select/select_option", "select.coffee_machine_mode", option="comfort")
    await real.call("button/press", "button.coffee_machine_identify")
    await eventually(lambda: {wish[1] for wish in house.wishes} == {"relay", "level", "mode", "identify"})
    assert ("plug", "level", 55, "upstream") in house.wishes


async def check_absence(real: RealHomeAssistant, house: SmallHouse, eventually: Any) -> None:
    async def gone() -> bool:
        return (await real.state("switch.coffee_machine_relay"))["state"] == "unavailable"

    async def removed() -> bool:
        return (await real.state("switch.coffee_machine_relay"))["state"] == ""

    house.presence("plug", Availability.UNKNOWN)
    await eventually(gone)
    house.retire("plug")
    await eventually(removed)
