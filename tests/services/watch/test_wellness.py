"""Wellness over a real register, twins, bus and database: what is gathered, when, and what is left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluis.intake import Register
from sluis.intake.entry import OwnClock
from sluis.intake.ports import Batch, Row
from sluis.model import Announcement, Availability, LinkChanged, Point, Presence, Reading, Stamp, UnknownDevice, Value
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Driver, MqttMatch, Registry
from sluis.store.audit import AuditLog
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.readings import Readings
from sluis.watch.wellness import EVERY_S, FIRST_AFTER_S, FRESH_S, PAUSE_S, Wellness
from tests.rest import CountingDatabase, resting

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_700_000_000_000_000 // HOUR_US * HOUR_US


class Sensor(Driver):
    about = About(key="sensor", vendor="Test", models=("Sensor",), match=MqttMatch(("s/+/hello",)), sources=("here",))
    temperature = Point("temperature", "°C", every_s=60)
    battery = Point("battery", "%")
    signal = Point("signal_strength", "dBm")
    uptime = Point("duration", "s")


@dataclass
class AnyLink:
    up: bool = True


class Building:
    """The gateway has just been started."""

    def __init__(self, folder: Path) -> None:
        self.database = CountingDatabase(folder / "sluis.db")
        self.database.start()
        self.clock = ManualClock(START_US, rest=resting(self.database))
        self.bus, self.link = Bus(), AnyLink()
        self.readings = Readings(self.database, self.clock.stamp())
        audit = AuditLog(self.database, self.clock, folder / "pki", folder / "log" / "checkpoints")
        devices = Devices(self.database)
        self.register = Register(Registry(Sensor), devices, self.readings, self.clock, self.bus, audit)
        self.wellness = Wellness(self.register, History(self.readings), {"mqtt": self.link}, self.clock, self.bus)
        self.tasks = [asyncio.ensure_future(self.register.run())]

    async def device(self, native_id: str, firmware: str = "", parent: str = "") -> str:
        said = Announcement(native_id, content={"x": 1}, name=native_id, firmware=firmware, parent=parent)
        self.register.announce("sensor", "mqtt", said)
        key = f"sensor-{native_id}"
        await self.register.adopt(key, name=native_id, area="Hal", actor=SYSTEM)
        return key

    def say(self, key: str, point: str, value: Value) -> None:
        twin, stamp = self.register.twin(key), self.clock.stamp()
        events = [one for one in (twin.heard(stamp), twin.apply(Reading(point, value), stamp)) if one]
        self.bus.publish_batch(events)

    async def store(self, key: str, point: str, values: Sequence[tuple[int, Value]]) -> None:
        """(wall clock, value)."""
        point_id = self.register.entry(key).point_ids[point]
        rows = [Row(point_id, Stamp(at_us, 0), value, 0) for at_us, value in values]
        await asyncio.wrap_future(self.readings.append(Batch(rows)))

    def run(self) -> None:
        self.tasks.append(asyncio.ensure_future(self.wellness.run()))

    async def reports(self, key: str, hours: int, per_hour: int) -> None:
        """A device reports evenly over the whole hours that are past."""
        end_us = self.clock.at_us // HOUR_US * HOUR_US
        gap_us = HOUR_US // per_hour
        times = range(end_us - hours * HOUR_US, end_us, gap_us)
        await self.store(key, "temperature", [(at_us, 20.0) for at_us in times])
        self.say(key, "temperature", 20.0)


@pytest.fixture
async def building(tmp_path: Path) -> AsyncIterator[Building]:
    made = Building(tmp_path)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    made.database.close()


async def codes(building: Building, key: str) -> list[str]:
    return [reason.code for reason in (await building.wellness.of(key)).health.reasons]


async def test_a_device_that_tells_nothing_is_well_and_nothing_is_said(building: Building) -> None:
    found = await building.wellness.of(await building.device("one"))
    assert (found.health.score, found.health.reasons, found.signs.expected) == (100, (), None)
    with pytest.raises(UnknownDevice):
        await building.wellness.of("nothing")


async def test_a_battery_that_falls_has_an_end(building: Building) -> None:
    key = await building.device("one")
    past = [(START_US - day * DAY_US, 12 + day) for day in range(20, -1, -1)]
    await building.store(key, "battery", past)
    building.say(key, "battery", 12)
    found = await building.wellness.of(key)
    assert found.health.battery_end_us is not None
    assert abs(found.health.battery_end_us - (START_US + 12 * DAY_US)) < 1.5 * DAY_US
    assert [reason.code for reason in found.health.reasons] == ["battery-low", "battery-ends"]


async def test_an_hours_missed_reports_are_counted(building: Building) -> None:
    key = await building.device("one")
    await building.clock.advance(4 * 3600)
    await building.reports(key, 4, 30)
    found = await building.wellness.of(key)
    assert (found.signs.heard, found.signs.expected) == (120, 240)
    assert [reason.code for reason in found.health.reasons] == ["missed-reports"]


async def test_the_time_a_carrier_was_down_is_not_missed(building: Building) -> None:
    bridge = await building.device("bridge")
    key = await building.device("one", parent="bridge")
    building.run()
    await building.clock.rest()
    building.say(bridge, "battery", 90)
    await building.clock.advance(3600)
    building.bus.publish(LinkChanged("mqtt", False, building.clock.stamp(), "gone"))
    await building.clock.advance(3600)
    building.bus.publish(LinkChanged("mqtt", True, building.clock.stamp()))
    changed = building.register.twin(bridge).presence(Presence(Availability.OFFLINE), building.clock.stamp())
    assert changed is not None
    building.bus.publish(changed)
    await building.clock.advance(1800)
    changed = building.register.twin(bridge).presence(Presence(Availability.ONLINE), building.clock.stamp())
    assert changed is not None
    building.bus.publish(changed)
    await building.clock.advance(1800)
    await building.reports(key, 1, 60)
    found = await building.wellness.of(key)
    assert found.signs.expected == 90, "of three hours one and a half were nobody's fault here"
    assert (await building.wellness.of(bridge)).signs.drops == 1


async def test_a_link_that_never_came_up_is_no_fault_of_its_devices(building: Building) -> None:
    key = await building.device("one")
    building.link.up = False
    building.run()
    building.say(key, "temperature", 20.0)
    await building.clock.advance(3 * 3600)
    assert (await building.wellness.of(key)).signs.expected is None


async def test_what_the_clock_cannot_tell_is_not_judged(building: Building) -> None:
    key = await building.device("one", firmware="1.0")
    await building.clock.advance(4 * 3600)
    await building.reports(key, 4, 3)
    building.clock.trusted = False
    signs = (await building.wellness.of(key)).signs
    assert (signs.expected, signs.firmware_age_s, signs.clock_off_s) == (None, None, None)


async def test_an_uptime_that_begins_anew_is_a_restart(building: Building) -> None:
    key = await building.device("one")
    begun_us = START_US + HOUR_US
    await building.clock.advance(10 * 3600)
    uptimes = [*range(1000, 12_000, 1200), *range(300, 9_000, 1200), *range(100, 8_000, 1200)]
    await building.store(key, "uptime", [(begun_us + n * 1_200_000_000, up) for n, up in enumerate(uptimes)])
    building.say(key, "uptime", uptimes[-1])
    found = await building.wellness.of(key)
    assert found.signs.restarts == 2 and "restarts" in [reason.code for reason in found.health.reasons]


async def test_a_signal_that_falls(building: Building) -> None:
    key = await building.device("one")
    await building.store(key, "signal", [(START_US - day * DAY_US, -84 + 2 * day) for day in range(8, -1, -1)])
    building.say(key, "signal", -84)
    found = await building.wellness.of(key)
    assert found.signs.signal is not None and found.signs.signal.unit == "dBm"
    assert found.signs.signal.per_week == pytest.approx(-14, abs=0.5)
    assert [reason.code for reason in found.health.reasons] == ["signal-falling", "signal-weak"]


async def test_rounds_are_paced_and_the_worst_come_first(building: Building) -> None:
    well = await building.device("well")
    bad = await building.device("bad")
    building.say(bad, "battery", 3)
    building.run()
    await building.clock.advance(FIRST_AFTER_S - 1)
    assert building.wellness.worst_first() == []
    await building.clock.advance(1 + PAUSE_S / 2)
    assert len(building.wellness.worst_first()) == 1, "the other after a pause"
    await building.clock.advance(PAUSE_S)
    assert [one.device for one in building.wellness.worst_first()] == [bad, well]
    await building.register.retire(bad, SYSTEM)
    assert [one.device for one in building.wellness.worst_first()] == [well]
    before = building.wellness.worst_first()[0].mono_us
    await building.clock.advance(EVERY_S)
    assert building.wellness.worst_first()[0].mono_us > before


async def test_who_looks_gets_it_fresh(building: Building) -> None:
    key = await building.device("one")
    assert await codes(building, key) == []
    building.say(key, "battery", 3)
    assert await codes(building, key) == [], "a moment ago"
    await building.clock.advance(FRESH_S)
    assert await codes(building, key) == ["battery-low"]


async def test_the_age_of_a_firmware_begins_when_it_is_another(building: Building) -> None:
    key = await building.device("one", firmware="1.0")
    first_us = building.register.device(key).firmware_since_us
    assert first_us == START_US
    await building.clock.advance(3600)
    building.register.announce("sensor", "mqtt", Announcement("one", content={"x": 2}, firmware="1.0"))
    assert building.register.device(key).firmware_since_us == first_us
    building.register.announce("sensor", "mqtt", Announcement("one", content={"x": 2}, firmware="0.9"))
    assert building.register.device(key).firmware_since_us == START_US + HOUR_US
    await building.clock.rest()
    stored = {device.key: device for device, _ in await Devices(building.database).load()}
    assert stored[key].firmware_since_us == START_US + HOUR_US


async def test_a_device_kept_before_there_was_an_age_loads_without_one(building: Building) -> None:
    key = await building.device("one", firmware="1.0")
    await building.clock.rest()
    await building.database.write(
        lambda c: c.execute("UPDATE devices SET body = json_remove(body, '$.firmware_since_us')")
    )
    stored = {device.key: device for device, _ in await Devices(building.database).load()}
    assert (stored[key].firmware, stored[key].firmware_since_us) == ("1.0", 0)


def test_a_message_that_waited_does_not_make_a_clock_slow() -> None:
    clock = OwnClock()
    assert clock.most_us is None
    clock.note(5_000_000, Stamp(5_100_000, 1))
    clock.note(6_000_000, Stamp(900_000_000, 2))
    assert clock.most_us == -100_000, "the second one waited"
    clock.note(1_000_000, Stamp(0, 3, trusted=False))
    assert clock.most_us == -100_000, "who knows what the time was"
    clock.note(70_000_000, Stamp(10_000_000, 4))
    assert clock.most_us == 60_000_000


def test_a_clock_that_was_set_right_is_right_two_hours_later() -> None:
    clock = OwnClock()
    clock.note(600_000_000, Stamp(0, 0))
    for hour in (1, 2, 3):
        clock.note(hour * HOUR_US, Stamp(hour * HOUR_US, hour * HOUR_US))
    assert clock.most_us == 0
