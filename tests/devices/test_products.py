"""A device on a map is shown as what the map is of, and as another when another map is told."""

from __future__ import annotations

import pytest
from tests.devices.house import House

from sluis.links.serial import SerialLink, SerialSettings
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from sluis_drivers.line.device import LineDevice
from sluis_drivers.modbus.device import Modbus


@pytest.mark.parametrize(
    ("driver", "first", "first_is", "then", "then_is"),
    [
        (Modbus, "eastron-sdm120", ("Eastron", "SDM120"), "abb-b23", ("ABB", "B23, B24")),
        (
            LineDevice,
            "denon-marantz",
            ("Denon and Marantz", "receivers"),
            "sony-bravia",
            ("Sony", "BRAVIA, Simple IP control"),
        ),
    ],
)
async def test_the_map_says_what_it_is(
    driver: type[Driver], first: str, first_is: tuple[str, str], then: str, then_is: tuple[str, str]
) -> None:
    house = House(SerialLink(SerialSettings("bus", "/dev/there-is-none"), SystemClock()), driver)
    try:
        key = await house.add("3", map=first)
        device = house.register.device(key)
        assert (device.vendor, device.model) == first_is
        device = await house.register.configure(key, {"map": then}, SYSTEM)
        assert (device.vendor, device.model) == then_is
    finally:
        await house.stop()
