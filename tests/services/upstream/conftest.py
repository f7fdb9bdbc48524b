"""A house of two devices that implements upstream's own protocols, and links to a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import (
    Actor,
    Availability,
    AvailabilityChanged,
    Device,
    DeviceChanged,
    DeviceState,
    Kind,
    OutOfRange,
    Point,
    Reading,
    Receipt,
    Stage,
    UnknownDevice,
    Value,
)
from sluis.model.commands import Command
from sluis.runtime import Bus, SystemClock
from sluis.twins import Twin
from sluis.upstream import HomeAssistant, HomeAssistantSettings
from tests.conftest import Broker

POINTS = (
    Point("temperature", "°C", key="temperature", every_s=30),
    Point("outlet", kind=Kind.SWITCH, writable=True, key="relay", proof="power"),
    Point("power", "W", key="power"),
    Point(kind=Kind.CHOICE, options=("eco", "comfort"), writable=True, key="mode", category="config"),
    Point(unit="%", minimum=0, maximum=100, step=1, writable=True, key="level"),
    Point(kind=Kind.TRIGGER, writable=True, key="identify", quantity="identify"),
    Point(kind=Kind.TRIGGER, key="knob", options=("single", "double")),
    Point("door", kind=Kind.SWITCH, key="door"),
    Point(kind=Kind.TEXT, key="note"),
)


class SmallHouse:
    """Devices and commands, in memory."""

    def __init__(self, bus: Bus, clock: SystemClock) -> None:
        self.bus = bus
        self.clock = clock
        self.wishes: list[tuple[str, str, Value | None, str]] = []
        self._devices: dict[str, Device] = {}
        self._twins: dict[str, Twin] = {}

    def add(self, key: str, **more: Any) -> Device:
        device = Device(key, more.pop("driver", "tasmota"), key, "mqtt", DeviceState.ADOPTED, **more)
        self._twins[key] = Twin(key, POINTS, self.clock.stamp())
        return self.change(device, "adopted")

    def change(self, device: Device, what: str) -> Device:
        self._devices[device.key] = device
        self.bus.publish(DeviceChanged(device, what))
        return device

    def retire(self, key: str) -> None:
        self.change(replace(self._devices[key], state=DeviceState.RETIRED), "retired")

    def read(self, key: str, point: str, value: Value) -> None:
        self.bus.publish(self._twins[key].apply(Reading(point, value), self.clock.stamp()))

    def presence(self, key: str, availability: Availability) -> None:
        twin = self._twins[key]
        twin.availability = availability
        self.bus.publish(AvailabilityChanged(key, availability, self.clock.stamp()))

    # -- upstream's protocols -----------------------------------------------------------------------------

    def devices(self, *states: DeviceState) -> list[Device]:
        return [device for device in self._devices.values() if not states or device.state in states]

    def device(self, key: str) -> Device:
        try:
            return self._devices[key]
        except KeyError:
            raise UnknownDevice(key) from None

    def points(self, key: str) -> Mapping[str, Point]:
        return self._twins[key].points

    def twin(self, key: str) -> Twin:
        return self._twins[key]

    async def submit(
        self,
        device: str,
        point: str,
        value: Value | None,
        actor: Actor,
        *,
        deadline_s: float | None = None,
        reason: str = "",
        cause: str = "",
    ) -> Receipt:
        if point == "level" and value == 13:
            raise OutOfRange("thirteen is refused here")
        self.wishes.append((device, point, value, actor.kind))
        command = Command("c", device, point, value, actor, 0)
        if value is not None:
            self.read(device, point, value)
        return Receipt(command, Stage.ACCEPTED, 0)


class Watcher:
    """What a broker holds and hears: another client."""

    def __init__(self, link: MqttLink) -> None:
        self.link = link
        self.said: dict[str, bytes] = {}
        self.log: list[tuple[str, bytes]] = []

    async def run(self) -> None:
        while True:
            for frame in await self.link.take():
                self.said[frame.source] = frame.data
                self.log.append((frame.source, frame.data))
                if frame.token is not None:
                    self.link.acknowledge([frame.token])

    def text(self, topic: str) -> str:
        return self.said.get(topic, b"").decode()

    def config(self, topic: str) -> dict[str, Any]:
        found = json.loads(self.said[topic])
        assert isinstance(found, dict)
        return found


Tasks = Callable[[Awaitable[object]], asyncio.Task[object]]


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def house(bus: Bus, clock: SystemClock) -> SmallHouse:
    made = SmallHouse(bus, clock)
    made.add("plug", name="Coffee machine", area="Kitchen", vendor="Nous", model="A1T", firmware="14.3")
    made.add("found", driver="homeassistant-mqtt", name="Already there")
    return made


@pytest.fixture
async def watcher(broker: Broker, clock: SystemClock, tasks: Tasks, eventually: Any) -> Watcher:
    link = MqttLink(MqttSettings(name="watcher", port=broker.port, client_id="watcher", will_topic=""), clock)
    made = Watcher(link)
    link.set_filters(frozenset(("homeassistant/#", "sluis/ha/#")))
    tasks(link.run())
    tasks(made.run())
    await eventually(lambda: link.up)
    return made


@pytest.fixture
def start(
    broker: Broker, house: SmallHouse, bus: Bus, clock: SystemClock, tasks: Tasks
) -> Callable[..., tuple[HomeAssistant, list[asyncio.Task[object]]]]:
    """Start publishing, with these settings."""

    def begin(**settings: Any) -> tuple[HomeAssistant, list[asyncio.Task[object]]]:
        chosen = HomeAssistantSettings(**settings)
        link = MqttLink(
            MqttSettings(
                name="homeassistant",
                port=broker.port,
                client_id="sluis-homeassistant",
                will_topic=chosen.gateway_status_topic,
                reconnect_cap_s=0.5,
            ),
            clock,
        )
        service = HomeAssistant(link, house, house, bus, clock, chosen, version="0.1", name="Office")
        return service, [tasks(service.run()), tasks(link.run())]

    return begin
