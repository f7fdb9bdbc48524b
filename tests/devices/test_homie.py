"""Homie 5 devices that somebody else's library makes, over a real mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ebus_sdk import Device, PropertyDatatype, Unit

from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import Availability, Command, FrameError, Presence, Reading
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from sluis.sdk.testing import Bench
from sluis.wire.topics import matches
from sluis_drivers.homie.device import Homie5

pytestmark = pytest.mark.filterwarnings("ignore:Callback API version 1:DeprecationWarning")  # in the devices' library

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]


class Listener:
    """The gateway's half: a link, what its frames announced, and what the devices' drivers made of them."""

    def __init__(self, link: MqttLink) -> None:
        self.link = link
        self.bench = Bench(Homie5)
        self.said: dict[tuple[str, str], Any] = {}
        """(device, point or `presence of SOURCE`) -> last value."""
        self.link.set_filters(frozenset(Homie5.about.match.filters))

    async def run(self) -> None:
        while True:
            for frame in await self.link.take():
                if any(matches(one, frame.source) for one in Homie5.about.match.filters):
                    self.bench.sniff(frame)
                for driver in self.drivers():
                    self._decode(driver, frame)
            wanted = {topic for driver in self.drivers() for topic in driver.topics()}
            self.link.set_filters(frozenset({*Homie5.about.match.filters, *wanted}))

    def drivers(self) -> list[Driver]:
        return self.bench.drivers() if self.bench.descriptions else []

    def driver(self, native_id: str) -> Driver:
        return Homie5(native_id, self.bench.descriptions[native_id])

    def _decode(self, driver: Driver, frame: Any) -> None:
        try:
            items = list(driver.decode(frame))
        except FrameError:
            return
        for item in items:
            if isinstance(item, Reading):
                self.said[driver.native_id, item.point] = item.value
            elif isinstance(item, Presence):
                self.said[driver.native_id, f"presence of {item.source}"] = item.availability


@pytest.fixture
async def listener(broker: Any, tasks: Start, eventually: Eventually, tmp_path: Path) -> Listener:
    link = MqttLink(MqttSettings(port=broker.port), SystemClock(), session_file=tmp_path / "session")
    made = Listener(link)
    tasks(link.run())
    tasks(made.run())
    await eventually(lambda: link.up)
    return made


class Bridge:
    """A bridge with a radiator valve behind it."""

    def __init__(self, port: int) -> None:
        self.wishes: list[Any] = []
        cfg = {"host": "127.0.0.1", "port": port, "clientid": "bridge"}
        self.root = Device("bridge", name="Bridge", homie_domain="homie", mqtt_cfg=cfg)
        self.valve = Device("valve", name="Valve", parent=self.root)
        node = self.valve.add_node_from_dict({"id": "heat", "name": "Heat", "type": "thermostat"})
        about = {"id": "measured", "name": "Room", "datatype": PropertyDatatype.FLOAT, "unit": Unit.DEGREE_CELSIUS}
        self.measured = node.add_property_from_dict(about)
        self.wanted = node.add_property_from_dict(
            {
                "id": "wanted",
                "datatype": PropertyDatatype.FLOAT,
                "format": "5:30:0.5",
                "unit": Unit.DEGREE_CELSIUS,
                "settable": True,
                "set_callback": self._set,
            }
        )
        self.root.start_mqtt_client()

    def _set(self, *said: Any) -> None:
        self.wishes.append(said)
        self.wanted.set_value(float(said[-1]))


@pytest.fixture
async def bridge(broker: Any) -> AsyncIterator[Bridge]:
    made = await asyncio.to_thread(Bridge, broker.port)
    yield made
    await asyncio.to_thread(made.root.stop)


async def test_found_read_and_commanded(listener: Listener, bridge: Bridge, eventually: Eventually) -> None:
    await asyncio.to_thread(bridge.measured.set_value, 19.5)
    await eventually(lambda: listener.said.get(("valve", "heat_measured")) == 19.5)
    await eventually(lambda: listener.said.get(("valve", "presence of own")) is Availability.ONLINE)
    await eventually(lambda: listener.said.get(("valve", "presence of root")) is Availability.ONLINE)
    points = {point.key: point for point in listener.driver("valve").points()}
    wanted = points["heat_wanted"]
    assert (wanted.quantity, wanted.unit, wanted.minimum, wanted.maximum, wanted.step) == (
        "temperature",
        "°C",
        5,
        30,
        0.5,
    )
    assert wanted.writable
    assert not points["heat_measured"].writable

    await listener.driver("valve").perform(listener.link, Command("c1", "valve", "heat_wanted", 21.5, SYSTEM, 0))
    await eventually(lambda: listener.said.get(("valve", "heat_wanted")) == 21.5)
    assert len(bridge.wishes) == 1


async def test_an_alert_is_raised_and_cleared(listener: Listener, bridge: Bridge, eventually: Eventually) -> None:
    await eventually(lambda: ("bridge", "state") in listener.said)
    await asyncio.to_thread(bridge.root.publish_alert, "childlost", "Valve has been silent for 3 hours")
    await eventually(lambda: listener.said.get(("bridge", "alert-childlost")) is True)
    assert listener.said["bridge", "alert-childlost.text"] == "Valve has been silent for 3 hours"
    await asyncio.to_thread(bridge.root.clear_alert, "childlost")
    await eventually(lambda: listener.said.get(("bridge", "alert-childlost")) is False)


async def test_a_lost_root_takes_its_child_along(listener: Listener, bridge: Bridge, eventually: Eventually) -> None:
    await eventually(lambda: listener.said.get(("valve", "presence of root")) is Availability.ONLINE)
    await asyncio.to_thread(bridge.root.declare_lost)
    await eventually(lambda: listener.said.get(("valve", "presence of root")) is Availability.OFFLINE)
    assert listener.said["valve", "presence of own"] is Availability.ONLINE
