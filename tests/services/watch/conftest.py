"""A building of sensors behind a link and a bridge, with the real register, twins, bus and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluis.intake import Carriers, Register
from sluis.model import (
    Actor,
    AlertChanged,
    Availability,
    Device,
    DeviceState,
    Kind,
    Point,
    Presence,
    Quality,
    Reading,
    Role,
    Stamp,
    Value,
)
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Driver, MqttMatch, Registry
from sluis.store.alerts import AlertLog
from sluis.store.commands import Commands
from sluis.store.rule_versions import RuleFile, RuleHistory
from sluis.watch import Alert, Alerts, Remembrance, RuleBook, Watch
from tests.rest import CountingDatabase, resting

TECHNICIAN = Actor("person", "tess", Role.TECHNICIAN)
OPERATOR = Actor("person", "anna", Role.OPERATOR)


class Sensor(Driver):
    about = About(key="sensor", vendor="Test", models=("Sensor",), match=MqttMatch(("s/+/hello",)), sources=("here",))
    temperature = Point("temperature", "°C", every_s=10)
    battery = Point("battery", "%")
    contact = Point("door", kind=Kind.SWITCH)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True, proof="power")
    power = Point("power", "W")


class Shelf:
    """The register's stores and the audit log, in memory."""

    def __init__(self, *devices: Device) -> None:
        self.devices = {device.key: device for device in devices}
        self.recorded: list[tuple[str, str, str]] = []

    async def load(self) -> list[tuple[Device, dict[str, int]]]:
        return [(device, {}) for device in self.devices.values()]

    async def save(self, device: Device) -> None:
        self.devices[device.key] = device

    async def classify(self, device_key: str, points: object) -> None:
        pass

    async def point_ids(self, device_key: str, point_keys: Sequence[str]) -> dict[str, int]:
        return {key: index for index, key in enumerate(point_keys)}

    async def exchange(self, one: Device, other: Device) -> None: ...

    async def forget(self, device_key: str) -> None: ...

    async def latest(self) -> Mapping[int, tuple[Stamp, Value, int]]:
        return {}

    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] | None = None) -> None:
        self.recorded.append((actor.label, action, object))


def building(children: int = 3) -> list[Device]:
    def device(key: str, **more: Any) -> Device:
        return Device(key, "sensor", key, "mqtt", DeviceState.ADOPTED, name=key.title(), area="Lab", **more)

    return [
        device("solo"),
        device("bridge"),
        *(device(f"child{number}", parent="bridge") for number in range(1, children + 1)),
    ]


class Site:
    """`files` live in `folder`, so that a second site on the same folder is a restart."""

    def __init__(self, folder: Path, clock: ManualClock | None = None, children: int = 3) -> None:
        self.folder = folder
        self.clock = clock or ManualClock()
        self.bus = Bus()
        self.database = CountingDatabase(folder / "sluis.db")
        self.database.start()
        self.clock.rest = resting(self.database)
        self.shelf = Shelf(*building(children))
        self.register = Register(Registry(Sensor), self.shelf, self.shelf, self.clock, self.bus, self.shelf)
        self.carriers = Carriers(self.register, self.bus)
        self.file = RuleFile(folder / "rules.toml")
        self.log = AlertLog(self.database)
        self.commands = Commands(self.database)
        self.alerts = Alerts(self.log, self.clock, self.bus, self.shelf)
        self.rules = RuleBook(self.file, RuleHistory(self.database), self.clock, self.shelf)
        self.remembrance = Remembrance(self.log, self.clock)
        self.watch = Watch(self.register, self.alerts, self.rules, self.remembrance, self.clock, self.bus)
        self.changes = self.bus.subscribe("test", AlertChanged)
        self._task: asyncio.Task[None] | None = None

    async def start(self, rules: str = "") -> Site:
        if rules:
            await self.file.write(rules)
        await self.register.load()
        self._task = asyncio.ensure_future(self.watch.run())
        await self.until_started()
        return self

    async def until_started(self) -> None:
        await self.clock.rest()
        if self._task is not None and self._task.done():
            self._task.result()
        assert self.watch.started

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.remembrance.write()
        self.database.close()

    async def restart(self, away_s: float = 10, rules: str = "") -> Site:
        """A new gateway on the same files; the monotonic clock starts anew."""
        await self.alerts.history(1)
        await self.stop()
        clock = ManualClock(self.clock.at_us + int(away_s * 1e6))
        return await Site(self.folder, clock).start(rules)

    async def pass_s(self, for_s: float) -> None:
        """Time passes, and twins notice silence as intake would make them do."""
        end = self.clock.mono_us + int(for_s * 1e6)
        while True:
            due = [entry.twin.due() for entry in self.register]
            moment = min([end, *(one for one in due if one is not None)])
            await self.clock.advance(max(0, moment - self.clock.mono_us) / 1e6)
            for entry in self.register:
                events = entry.twin.expire(self.clock.stamp())
                self.bus.publish_batch([*events, *self.carriers.follow(events)])
            await self.clock.advance(0)
            if self.clock.mono_us >= end:
                return

    async def report(self, device: str, point: str, value: Value, quality: Quality = Quality.GOOD) -> None:
        """A device reports a value, and thereby that it lives."""
        twin, stamp = self.register.twin(device), self.clock.stamp()
        events = [event for event in (twin.heard(stamp), twin.apply(Reading(point, value, quality), stamp)) if event]
        self.bus.publish_batch([*events, *self.carriers.follow(events)])
        await self.clock.advance(0)

    async def presence(self, device: str, availability: Availability) -> None:
        """The device, or its will, says whether it is there."""
        changed = self.register.twin(device).presence(Presence(availability, reason="will"), self.clock.stamp())
        events = [changed] if changed else []
        self.bus.publish_batch([*events, *self.carriers.follow(events)])
        await self.clock.advance(0)

    async def all_online(self) -> None:
        for device in self.register.devices():
            await self.presence(device.key, Availability.ONLINE)

    async def link(self, up: bool) -> None:
        self.carriers.link_changed("mqtt", up, self.clock.stamp(), "" if up else "connection lost")
        await self.clock.advance(0)

    def open(self) -> list[tuple[str, str]]:
        """(rule, device or point) of the open alerts, worst first."""
        return [(alert.rule, alert.device or alert.point) for alert in self.alerts.now()]

    def only(self) -> Alert:
        (alert,) = self.alerts.now()
        return alert


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = await Site(tmp_path).start()
    yield made
    await made.stop()
