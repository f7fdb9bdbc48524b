"""The drivers for connected and for advertising devices, over a link, against Bumble's GATT server and its air."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bumble.gatt import Characteristic, Service

from sluis.model import Announcement, Command, LinkError, Reading
from sluis.model.commands import SYSTEM
from sluis.sdk import Decoded, Driver
from sluis.sdk.registry import merge_fragment
from sluis_drivers.bluetooth.gatt import Gatt
from sluis_drivers.bluetooth.uart import NordicUart
from sluis_drivers.bthome.v2 import BTHome
from tests.conftest import eventually

from .air import Peripheral, bthome
from .conftest import SENSOR, Adapter, Running, Starter


class Known:
    """One device as intake would hold it: its instance is made anew when it announces something."""

    def __init__(self, cls: type[Driver], running: Running, **setup: Any) -> None:
        self.cls = cls
        self.running = running
        self.description: dict[str, Any] = {"setup": setup} if setup else {}
        self.said: list[Decoded] = []
        self.vendor = ""
        self.make()

    def make(self) -> None:
        self.driver = self.cls(SENSOR, self.description)
        self.running.link.set_filters(frozenset(self.driver.topics()))

    async def take(self) -> None:
        """Decode what has arrived."""
        for frame in await self.running.link.take():
            if frame.source.startswith(SENSOR):
                for item in self.driver.decode(frame):
                    self.hear(item)

    def hear(self, item: Decoded) -> None:
        if isinstance(item, Announcement):
            self.description = merge_fragment(self.description, item)
            self.vendor = item.vendor or self.vendor
            self.make()
        else:
            self.said.append(item)

    async def until(self, **readings: Any) -> None:
        """Until it has said these."""
        async with asyncio.timeout(10):
            while (
                not readings.items() <= {one.point: one.value for one in self.said if isinstance(one, Reading)}.items()
            ):
                await self.take()


def serve_environment(sensor: Peripheral) -> None:
    read = Characteristic.Properties.READ, Characteristic.Permissions.READABLE
    climate: list[Characteristic[Any]] = [
        Characteristic("2A6E", *read, (2506).to_bytes(2, "little")),
        Characteristic("2A6F", *read, (5055).to_bytes(2, "little")),
    ]
    maker: list[Characteristic[Any]] = [Characteristic("2A29", *read, b"ACME")]
    sensor.device.add_services([Service("181A", climate), Service("180A", maker)])


async def polled_twice(known: Known) -> None:
    """The first poll finds out what there is, the second one reads it."""
    await known.driver.poll(known.running.link)
    await known.take()
    await known.driver.poll(known.running.link)


async def test_a_device_shows_what_it_has(adapter: Adapter, sensor: Peripheral, start: Starter) -> None:
    serve_environment(sensor)
    await sensor.advertise(bthome(20))
    running = start(adapter)
    await running.knows(SENSOR)
    known = Known(Gatt, running)
    await polled_twice(known)
    await known.until(battery=84, temperature=25.06, humidity=50.55)
    assert [point.key for point in known.driver.points()] == ["battery", "temperature", "humidity"]
    assert known.vendor == "ACME"


async def test_a_device_notifies(adapter: Adapter, sensor: Peripheral, start: Starter) -> None:
    await sensor.advertise(bthome(20))
    running = start(adapter)
    await running.knows(SENSOR)
    known = Known(Gatt, running, notifies="2a19")
    await polled_twice(known)
    await known.until(battery=84)
    await sensor.notify_level(83)
    await known.until(battery=83)


async def test_a_device_that_is_not_there_does_not_answer(adapter: Adapter, start: Starter) -> None:
    running = start(adapter)
    await running.up()
    with pytest.raises(LinkError, match="not heard"):
        await Gatt(SENSOR).poll(running.link)


async def test_lines_go_both_ways(adapter: Adapter, sensor: Peripheral, start: Starter) -> None:
    await sensor.advertise(bthome(20))
    running = start(adapter)
    await running.knows(SENSOR)
    known = Known(NordicUart, running)
    await eventually(lambda: any(sensor.device.gatt_server.subscribers.values()))
    await known.driver.perform(running.link, Command("c1", "device", "send", "a line in two pieces", SYSTEM, 0))
    assert b"".join(sensor.written) == b"a line in two pieces\n"
    await known.until(line="heard a line in two piecesheard ")


async def test_an_advertised_measurement(adapter: Adapter, sensor: Peripheral, start: Starter) -> None:
    await sensor.advertise(bthome(21.5))
    running = start(adapter)
    known = Known(BTHome, running)
    await known.until(temperature=21.5, humidity=50.55)
    await sensor.advertise(bthome(-7.25))
    await known.until(temperature=-7.25)
