"""Each driver against the demo site's stand-in of its family: found, read, commanded, confirmed; all in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sluis.demo.office import Office, small_office
from sluis.demo.shelly import ShellyPlus1PM
from sluis.demo.standin import Message, Now, StandIn
from sluis.demo.tasmota import TasmotaPlug
from sluis.demo.zigbee2mqtt import Zigbee2Mqtt
from sluis.model import Availability, Command, Frame, Presence, Reading, Value
from sluis.model.commands import SYSTEM
from sluis.sdk import Driver, Inquiry
from sluis.sdk.testing import START, Bench, finish
from sluis.sdk.testing.conformance import topic_fits
from sluis_drivers.shelly.gen2 import ShellyGen2
from sluis_drivers.tasmota.device import Tasmota
from sluis_drivers.zigbee2mqtt.bridge import Zigbee2Mqtt as Zigbee2MqttDriver

BEGIN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Air:
    """Carries messages between one stand-in and one driver class, and is the link of its commands."""

    def __init__(self, stand_in: StandIn, cls: type[Driver]) -> None:
        self.stand_in = stand_in
        self.bench = Bench(cls)
        self.said: list[tuple[str, Reading | Presence]] = []
        self.retained: dict[str, Frame] = {}
        self.s = 0.0
        self.take(stand_in.connected(self.now))

    @property
    def now(self) -> Now:
        return Now(100 + self.s, BEGIN + timedelta(seconds=self.s))

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.s += 1
            self.stand_in.office.step(1.0)
            self.take(self.stand_in.tick(self.now))

    def take(self, messages: Iterable[Message]) -> list[Frame]:
        """What a broker does for those that are there: a message that it keeps as well comes to them as news."""
        messages = list(messages)
        self.retained |= {
            one.topic: Frame("air", one.topic, one.payload, START, True) for one in messages if one.retain
        }
        frames = [Frame("air", one.topic, one.payload, START) for one in messages]
        for frame in frames:
            if any(topic_fits(one, frame.source) for one in self.bench.cls.about.match.filters):
                for item in self.bench.sniff(frame):
                    if isinstance(item, Inquiry):
                        self.take(self.stand_in.received(item.to, item.data, self.now))
            self.decode(frame)
        return frames

    def subscribe(self) -> None:
        """What a broker does for a new subscriber."""
        for frame in self.retained.values():
            self.decode(frame)

    def decode(self, frame: Frame) -> None:
        for driver in self.drivers():
            if any(topic_fits(one, frame.source) for one in driver.topics()):
                self.said += [(driver.native_id, i) for i in driver.decode(frame) if isinstance(i, Reading | Presence)]

    def drivers(self) -> Iterator[Driver]:
        for native_id, description in self.bench.descriptions.items():
            yield self.bench.cls(native_id, description)

    def latest(self, native_id: str) -> dict[str, Value]:
        return {item.point: item.value for who, item in self.said if who == native_id and isinstance(item, Reading)}

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        self.take(self.stand_in.received(to, data, self.now))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        answers = self.take(self.stand_in.received(to, data, self.now))
        return next(frame for frame in answers if frame.source == reply)

    def command(self, native_id: str, point: str, value: Value | None) -> None:
        driver = next(driver for driver in self.drivers() if driver.native_id == native_id)
        finish(driver.perform(self, Command("c", "d", point, value, SYSTEM, 0)))


def tasmota(office: Office, chance: random.Random) -> StandIn:
    return TasmotaPlug(
        office, chance, name="p", friendly_name="Printer", mac="D8BFC01A2B3C", load="printer", discovery_delay_s=1
    )


def shelly(office: Office, chance: random.Random) -> StandIn:
    return ShellyPlus1PM(office, chance, name="h", label="Heater", mac="A8032AB12345", load="printer")


def zigbee(office: Office, chance: random.Random) -> StandIn:
    return Zigbee2Mqtt(office, chance)


FAMILIES: list[tuple[Callable[[Office, random.Random], StandIn], type[Driver], str, str, str]] = [
    (tasmota, Tasmota, "D8BFC01A2B3C", "relay", "power"),
    (shelly, ShellyGen2, "shellyplus1pm-a8032ab12345", "switch_0", "switch_0_power"),
    (zigbee, Zigbee2MqttDriver, "plug", "state", "power"),
]


def named(air: Air, name: str) -> str:
    """Native id of a device by its id or by its model's expose (the Zigbee plug)."""
    if name in air.bench.descriptions:
        return name
    plugs = [d.native_id for d in air.drivers() if {"state", "power"} <= {p.key for p in d.points()}]
    return plugs[0]


@pytest.mark.parametrize(("make", "cls", "name", "switch", "power"), FAMILIES)
def test_found_read_commanded_confirmed(make: Any, cls: type[Driver], name: str, switch: str, power: str) -> None:
    air = Air(make(small_office(hour=9.5), random.Random(1)), cls)
    air.pass_time(70)
    air.subscribe()
    native_id = named(air, name)
    points = {p.key: p for d in air.drivers() if d.native_id == native_id for p in d.points()}
    assert points[switch].proof == power
    assert isinstance(air.latest(native_id)[power], int | float)
    for wished in (False, True):
        air.command(native_id, switch, wished)
        assert air.latest(native_id)[switch] is wished
    present = [i.availability for who, i in air.said if isinstance(i, Presence)]
    assert present
    assert set(present) == {Availability.ONLINE}
