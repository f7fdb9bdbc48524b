"""A site of one plug, with the real register, bus and database; only the link is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluis.control import Control, ControlSettings, Leases
from sluis.intake import Register
from sluis.model import (
    Actor,
    Command,
    CommandChanged,
    Device,
    DeviceState,
    Frame,
    Kind,
    Point,
    Quality,
    Reading,
    Role,
    Stage,
    Stamp,
    Value,
)
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Driver, Link, MqttMatch, Registry
from sluis.store.commands import Commands
from tests.rest import CountingDatabase, resting

OPERATOR = Actor("person", "anna", Role.OPERATOR)


class Plug(Driver):
    """A plug with everything a command can meet."""

    about = About(key="plug", vendor="Test", models=("Plug",), match=MqttMatch(("plug/+/hello",)), sources=("here",))
    relay = Point("outlet", kind=Kind.SWITCH, writable=True, proof="power")
    power = Point("power", "W")
    socket = Point("outlet", kind=Kind.SWITCH, writable=True, proof="power", meta={"proof": "inferred"})
    pump = Point("", kind=Kind.SWITCH, writable=True, proof="flow")
    flow = Point("", "L/min", every_s=300)
    lamp = Point("", kind=Kind.SWITCH, writable=True)
    level = Point("", "%", minimum=0, maximum=100, step=5, writable=True)
    colour = Point("", "mired", writable=True)
    mode = Point(kind=Kind.CHOICE, options=("auto", "off"), writable=True)
    label = Point(kind=Kind.TEXT, writable=True)
    press = Point(kind=Kind.TRIGGER, writable=True)
    firmware_update = Point(kind=Kind.TRIGGER, writable=True)
    renew = Point("update", kind=Kind.TRIGGER, writable=True)
    screen = Point(kind=Kind.SWITCH, writable=True, settles_s=60)
    blind = Point("", kind=Kind.SWITCH, writable=True, meta={"optimistic": True})

    async def perform(self, link: Link, command: Command) -> None:
        if command.reason == "bug":
            raise ZeroDivisionError
        await link.send(str(command.value).encode(), to=command.point)


class Shelf:
    """The register's stores, in memory: devices are not what these tests are about."""

    def __init__(self, *devices: Device) -> None:
        self.devices = devices
        self.recorded: list[tuple[str, str, str]] = []

    async def load(self) -> list[tuple[Device, dict[str, int]]]:
        return [(device, {}) for device in self.devices]

    async def save(self, device: Device) -> None: ...

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


class HandLink:
    """Remembers what was sent; `hold` keeps senders waiting, `error` refuses them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.sent.append((to, data))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        raise NotImplementedError


class Site:
    def __init__(self, folder: Path, leases: Leases | None = None) -> None:
        self.clock = ManualClock()
        self.bus = Bus()
        self.link = HandLink()
        self.database = CountingDatabase(folder / "sluis.db")
        self.database.start()
        self.clock.rest = resting(self.database)
        self.commands = Commands(self.database)
        self.shelf = Shelf(
            Device("plug-1", "plug", "1", "mqtt", DeviceState.ADOPTED, name="Plug", area="Office"),
            Device("plug-2", "plug", "2", "mqtt", DeviceState.ADOPTED, name="Other", area="Office"),
            Device("plug-3", "plug", "3", "mqtt", DeviceState.DISCOVERED),
        )
        self.register = Register(Registry(Plug), self.shelf, self.shelf, self.clock, self.bus, self.shelf)
        self.control = Control(
            self.register,
            {"mqtt": self.link},
            self.clock,
            self.bus,
            self.shelf,
            self.commands,
            leases=leases,
            settings=ControlSettings(queue_per_device=3),
        )
        self.events = self.bus.subscribe("test", CommandChanged)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.register.load()
        self._task = asyncio.ensure_future(self.control.run())
        await self.clock.advance(0)

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.database.close()

    def report(
        self, point: str, value: Value, quality: Quality = Quality.GOOD, device: str = "plug-1", age_s: float = 0
    ) -> None:
        """The device reports a value."""
        now = self.clock.stamp()
        stamp = Stamp(now.at_us - int(age_s * 1e6), now.mono_us - int(age_s * 1e6))
        self.bus.publish(self.register.twin(device).apply(Reading(point, value, quality), stamp))

    async def submit(self, point: str, value: Value | None, **more: Any) -> str:
        receipt = await self.control.submit("plug-1", point, value, more.pop("actor", OPERATOR), **more)
        await self.clock.advance(0)
        return receipt.command.id

    async def stage(self, command_id: str) -> Stage:
        await self.clock.advance(0)
        receipt = self.control.receipt(command_id)
        assert receipt is not None
        return receipt.stage

    def code(self, command_id: str) -> str:
        receipt = self.control.receipt(command_id)
        assert receipt is not None
        return receipt.code

    def desired(self, point: str) -> Value | None:
        wish = self.register.twin("plug-1").desired.get(point)
        return wish.value if wish else None


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.start()
    yield made
    await made.stop()
