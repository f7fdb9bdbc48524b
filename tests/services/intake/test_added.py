"""Devices that cannot announce themselves: added by a person, polled, heard on their own link only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sluis.intake import Intake, Poller, Register
from sluis.intake.poller import MISSES
from sluis.links.replay import ReplayLink
from sluis.model import (
    AlreadyThere,
    Announcement,
    Availability,
    ConfigError,
    Device,
    DeviceState,
    Frame,
    Kind,
    LinkError,
    NotMine,
    Point,
)
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Ask, Decoded, Driver, Framing, Link, LinkMatch, Registry
from tests.services.intake.conftest import MemoryStore


class Meter(Driver):
    """Answers `v` with its value."""

    about = About(
        key="meter",
        vendor="Test",
        models=("M1",),
        match=LinkMatch(kinds=("serial",)),
        sources=("here",),
        framing=Framing(end=b"\r"),
        setup=(Ask("scale", "Scale", Kind.NUMBER, default=1), Ask("map", "Map", options=("a", "b"), required=True)),
    )
    voltage = Point("voltage", "V", every_s=10)

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        if self.setting("scale", 1) == 0:
            raise ConfigError("is nothing to multiply with", where="scale")

    def poll_every_s(self) -> float | None:
        return 10

    async def poll(self, link: Link) -> None:
        await link.request(b"v", to=self.native_id, reply=self.native_id)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        yield self.voltage(float(frame.data) * self.setting("scale", 1))


class Teller(Meter):
    """Tells what it is in the answer to the first of its two questions."""

    about = replace(Meter.about, key="teller", setup=())
    current = Point("current", "A", every_s=10)

    async def poll(self, link: Link) -> None:
        for question in (b"who", b"v"):
            await link.request(question, to=self.native_id, reply=self.native_id)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.data == b"T2":
            yield Announcement(self.native_id, "who", {"model": "T2"}, model="T2")
        else:
            yield self.current(float(frame.data)) if self.description.get("who") else self.voltage(float(frame.data))


class House:
    """Two buses with meters at the same address."""

    def __init__(self) -> None:
        self.clock, self.bus, self.store = ManualClock(), Bus(), MemoryStore()
        self.one = ReplayLink("one", self.clock, kind="serial")
        self.two = ReplayLink("two", self.clock, kind="serial")
        self.mqtt = ReplayLink("mqtt", self.clock)
        links = [self.one, self.two, self.mqtt]
        self.register = Register(Registry(Meter, Teller), self.store, self.store, self.clock, self.bus, self.store)
        self.intake = Intake(self.register, self.store, links, self.clock, self.bus)
        self.poller = Poller(self.register, {link.name: link for link in links}, self.clock, self.bus)
        for link in links:
            link.heal()
        self._tasks = [asyncio.ensure_future(part.run()) for part in (self.register, self.intake, self.poller)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.stop()


async def test_an_added_meter_is_asked_and_its_answer_is_a_reading(house: House) -> None:
    house.one.answers["one/3"] = lambda sent: [("one/3", b"230")]
    device = await house.register.add("meter", "one", "3", setup={"map": "a", "scale": "0.5"}, actor=SYSTEM)
    assert (device.native_id, device.link, device.model) == ("one/3", "one", "M1")
    await house.clock.advance(15)
    held = house.register.twin(device.key).reported["voltage"]
    assert held.value == 115
    assert house.register.twin(device.key).availability is Availability.ONLINE
    assert house.one.stations["one/3"].framing == Framing(end=b"\r")
    assert house.two.stations == {}
    assert house.two.sent == []


async def test_a_frame_on_another_link_is_not_this_device(house: House) -> None:
    device = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    await house.clock.advance(0.1)
    house.mqtt.set_filters(frozenset({"#"}))
    house.mqtt.feed("one/3", b"9999")
    await house.clock.advance(0.1)
    assert house.register.twin(device.key).reported == {}
    house.one.feed("one/3", b"231")
    await house.clock.advance(0.1)
    assert house.register.twin(device.key).reported["voltage"].value == 231


async def test_a_meter_that_does_not_answer_is_offline_until_it_does(house: House) -> None:
    device = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    twin = house.register.twin(device.key)
    house.one.lose("cable out")
    await house.clock.advance(10 * MISSES + 5)
    assert twin.availability is Availability.OFFLINE
    assert "cable out" in twin.reason
    house.one.answers["one/3"] = lambda sent: [("one/3", b"230")]
    house.one.heal()
    await house.clock.advance(100)
    assert twin.availability is Availability.ONLINE


async def test_what_does_not_fit_is_refused_and_nothing_is_added(house: House) -> None:
    add = house.register.add
    with pytest.raises(ConfigError, match="no such driver"):
        await add("x", "one", "3", actor=SYSTEM)
    with pytest.raises(ConfigError, match="map: is missing"):
        await add("meter", "one", "3", actor=SYSTEM)
    with pytest.raises(ConfigError, match="'c' cannot be chosen"):
        await add("meter", "one", "3", setup={"map": "c"}, actor=SYSTEM)
    with pytest.raises(ConfigError, match="not asked for") as unknown:
        await add("meter", "one", "3", setup={"map": "a", "scal": 2}, actor=SYSTEM)
    assert "scale" in unknown.value.hint
    with pytest.raises(ConfigError, match="is no number"):
        await add("meter", "one", "3", setup={"map": "a", "scale": "much"}, actor=SYSTEM)
    with pytest.raises(ConfigError, match="no such link"):
        await add("meter", "three", "3", setup={"map": "a"}, actor=SYSTEM)
    with pytest.raises(ConfigError, match="is a mqtt link"):
        await add("meter", "mqtt", "3", setup={"map": "a"}, actor=SYSTEM)
    with pytest.raises(ConfigError, match="is no address"):
        await add("meter", "one", "#", setup={"map": "a"}, actor=SYSTEM)
    assert house.register.devices() == []
    await add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    with pytest.raises(AlreadyThere):
        await add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    other = await add("meter", "two", "3", setup={"map": "a"}, actor=SYSTEM)
    assert other.key != house.register.devices()[0].key or len(house.register.devices()) == 2


async def test_what_the_driver_itself_finds_fault_with_is_refused(house: House) -> None:
    with pytest.raises(ConfigError, match="scale: is nothing"):
        await house.register.add("meter", "one", "3", setup={"map": "a", "scale": 0}, actor=SYSTEM)
    assert house.register.devices() == []
    device = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    with pytest.raises(ConfigError, match="scale: is nothing"):
        await house.register.configure(device.key, {"scale": 0}, SYSTEM)
    assert house.register.device(device.key).description["setup"]["scale"] == 1


async def test_what_was_told_can_be_changed(house: House) -> None:
    device = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    changed = await house.register.configure(device.key, {"scale": 10}, SYSTEM)
    assert changed.description["setup"] == {"map": "a", "scale": 10}
    await house.clock.advance(0.1)
    house.one.feed("one/3", b"23")
    await house.clock.advance(0.1)
    assert house.register.twin(device.key).reported["voltage"].value == 230
    with pytest.raises(ConfigError):
        await house.register.configure(device.key, {"map": "z"}, SYSTEM)


async def test_a_device_that_tells_what_it_is_while_it_is_asked_is_asked_to_the_end(house: House) -> None:
    house.one.answers["one/3"] = lambda sent: [("one/3", b"T2")] if sent.data == b"who" else []
    device = await house.register.add("teller", "one", "3", actor=SYSTEM)
    await house.clock.advance(5)
    assert house.register.device(device.key).model == "T2"
    assert [sent.data for sent in house.one.sent] == [b"who", b"v"], "its second question still waits for the answer"
    house.one.feed("one/3", b"5")
    await house.clock.advance(3)
    assert [sent.data for sent in house.one.sent] == [b"who", b"v"] * 2, "again at once, as what it now is"
    assert house.register.twin(device.key).reported["current"].value == 5


class SlowStore(MemoryStore):
    """Writes in the order of the calls, as the real one does, and is durable a while later."""

    async def save(self, device: Device) -> None:
        await super().save(device)
        for _ in range(3):
            await asyncio.sleep(0)


async def test_what_was_added_is_still_in_use_after_a_restart() -> None:
    clock, bus, store = ManualClock(), Bus(), SlowStore()
    register = Register(Registry(Meter), store, store, clock, bus, store)
    register.links["one"] = "serial"
    running = asyncio.ensure_future(register.run())
    added = await register.add("meter", "one", "3", setup={"map": "a"}, name="Main", actor=SYSTEM)
    register.announce("meter", "one", Announcement("one/3", "who", {"model": "M2"}, model="M2"))
    await register.update(added.key, area="Cellar", actor=SYSTEM)
    while store.saved[added.key].model != "M2":
        await asyncio.sleep(0)
    running.cancel()
    again = Register(Registry(Meter), store, store, clock, bus, store)
    await again.load()
    held = again.device(added.key)
    assert (held.state, held.name, held.area, held.model) == (DeviceState.ADOPTED, "Main", "Cellar", "M2")
    assert held.description["who"] == {"model": "M2"}
    assert register.device(added.key) == held


async def test_a_retired_device_is_asked_no_more(house: House) -> None:
    house.one.answers["one/3"] = lambda sent: [("one/3", b"230")]
    device = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    await house.clock.advance(15)
    await house.register.retire(device.key, SYSTEM)
    await house.clock.advance(1)
    asked = len(house.one.sent)
    assert asked
    await house.clock.advance(60)
    assert len(house.one.sent) == asked


async def test_an_unpolled_driver_says_so() -> None:
    with pytest.raises(NotImplementedError, match="not polled"):
        await Driver.poll(Meter("one/3"), ReplayLink("one", ManualClock(), kind="serial"))
    assert issubclass(LinkError, ConnectionError)


async def test_a_device_has_one_driver(house: House) -> None:
    """Two would ask it at cross purposes. Another bus has another meter at that address."""
    first = await house.register.add("meter", "one", "3", setup={"map": "a"}, actor=SYSTEM)
    with pytest.raises(AlreadyThere, match="in use with driver meter"):
        await house.register.add("teller", "one", "3", actor=SYSTEM)
    assert [one.key for one in house.register.devices()] == [first.key]
    await house.register.add("teller", "two", "3", actor=SYSTEM)
    await house.register.retire(first.key, SYSTEM)
    second = await house.register.add("teller", "one", "3", actor=SYSTEM)
    with pytest.raises(AlreadyThere, match="in use with driver teller"):
        await house.register.adopt(first.key, name="Meter", area="", actor=SYSTEM)
    assert second.driver == "teller"
