"""A driver's instance is made anew when its device announces something else: what it remembers goes along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Self

import pytest

from sluis.intake import Intake, Register
from sluis.links.replay import ReplayLink
from sluis.model import Announcement, DeviceState, DriverError
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Decoded, Driver, Frame, Implausible, MqttMatch, Point, Registry, Sniffed
from tests.services.intake.conftest import MemoryStore

Start = Callable[[Awaitable[object]], asyncio.Task[object]]


class Counter(Driver):
    """`count/ID` says a number that only rises; `about/ID` describes the device."""

    about = About(key="counter", vendor="X", models=("1",), match=MqttMatch(("about/+",)), sources=("here",))
    level = Point("distance", "mm")
    kept = 0

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        return [Announcement(frame.source.partition("/")[2], "about", {"said": frame.data.decode()})]

    def topics(self) -> Iterable[str]:
        return (f"count/{self.native_id}",)

    def succeed(self, before: Self) -> None:
        if self.description["about"]["said"] == "broken":
            raise KeyError("kept")
        self.kept = before.kept

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if int(frame.data) <= self.kept:
            raise Implausible("a recording")
        self.kept = int(frame.data)
        return [self.level(self.kept)]


async def test_what_a_driver_remembers_outlives_its_instance_and_without_it_the_device_is_out_of_use(
    tasks: Start,
) -> None:
    clock, bus, store = ManualClock(), Bus(), MemoryStore()
    link = ReplayLink("mqtt", clock)
    register = Register(Registry(Counter), store, store, clock, bus, store)
    intake = Intake(register, store, [link], clock, bus)
    tasks(register.run())
    tasks(intake.run())
    link.heal()

    async def hear(source: str, data: bytes) -> None:
        link.set_filters(frozenset({"#"}))
        link.feed(source, data)
        await clock.advance(1)

    await hear("about/a", b"one")
    (device,) = register.devices(DeviceState.DISCOVERED)
    await register.adopt(device.key, name="A", area="", actor=SYSTEM)
    await hear("count/a", b"7")
    before = register.driver(device.key)
    await hear("about/a", b"two")
    assert register.driver(device.key) is not before
    await hear("count/a", b"7")
    assert register.counters(device.key).bad == 1

    await hear("about/a", b"broken")
    assert "kept" in register.fault(device.key)
    with pytest.raises(DriverError):
        register.driver(device.key)
    await hear("about/a", b"three")
    assert register.fault(device.key) == "", "the register went on"
