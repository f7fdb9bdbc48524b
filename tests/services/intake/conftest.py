"""A small driver, and fakes of intake's own protocols: a store in memory, a link fed by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from sluis.intake import Intake, IntakeSettings, Register
from sluis.intake.intake import GATHER_S
from sluis.intake.ports import Batch
from sluis.model import (
    Actor,
    Announcement,
    Availability,
    Command,
    Device,
    DeviceState,
    Event,
    Frame,
    Kind,
    Point,
    Presence,
    Roster,
    Stamp,
    Truncated,
    Value,
)
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import About, Decoded, Driver, Link, MqttMatch, Registry, Sniffed, Station


class Probe(Driver):
    """A test family: `p/<id>/hello` announces, `p/<id>/data` carries JSON, `p/<id>/will` presence."""

    about = About(key="probe", vendor="Test", models=("Probe",), match=MqttMatch(("p/+/hello",)), sources=("here",))
    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=10)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)
    button = Point(kind=Kind.TRIGGER)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id = frame.source.split("/")[1]
        if not frame.data:
            yield Announcement(native_id, content=None)
            return
        said = json.loads(frame.data)
        yield Announcement(native_id, content=said, name=said.get("name", ""), parent=said.get("parent", ""))
        if "children" in said:
            yield Roster(native_id, frozenset(said["children"]))

    def topics(self) -> Iterable[str]:
        return (f"p/{self.native_id}/data", f"p/{self.native_id}/will", f"p/{self.native_id}/x/#")

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source.endswith("/will"):
            yield Presence(Availability(frame.data.decode()), reason="will")
            return
        if not frame.data:
            raise Truncated("empty")
        if frame.data == b"crash":
            raise ZeroDivisionError
        said = json.loads(frame.data)
        if "t" in said:
            yield self.temperature(said["t"])
        if "r" in said:
            yield self.relay(said["r"])
        if "press" in said:
            yield self.button.occurred(said["press"])

    def identity(self, frame: Frame) -> str | None:
        try:
            return str(json.loads(frame.data)["seq"])
        except (ValueError, KeyError, TypeError):
            return None

    async def perform(self, link: Link, command: Command) -> None:
        await link.send(b"1" if command.value else b"0", to=f"p/{self.native_id}/set")


class MemoryStore:
    """All of intake's store protocols. `hold` keeps commits back until `commit`."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.saved: dict[str, Device] = {}
        self.ids: dict[tuple[str, str], int] = {}
        self.held: list[Future[int]] = []
        self.hold = False
        self.deliveries: dict[int, int] = {}
        self.identities: list[int] = []
        self.last: dict[int, tuple[Stamp, Value, int]] = {}
        self.recorded: list[tuple[str, str, str]] = []

    def append(self, batch: Batch) -> Future[int]:
        self.batches.append(batch)
        future: Future[int] = Future()
        self.held.append(future)
        if not self.hold:
            self.commit()
        return future

    def commit(self, error: Exception | None = None) -> None:
        for future in self.held:
            if error is None:
                future.set_result(len(self.batches))
            else:
                future.set_exception(error)
        self.held.clear()

    def recent_deliveries(self, link: str, session: str) -> Mapping[int, int]:
        return self.deliveries if session == "s1" else {}

    def recent_identities(self) -> Sequence[int]:
        return self.identities

    async def load(self) -> list[tuple[Device, dict[str, int]]]:
        return [(d, {p: i for (k, p), i in self.ids.items() if k == d.key}) for d in self.saved.values()]

    async def save(self, device: Device) -> None:
        self.saved[device.key] = device

    async def exchange(self, one: Device, other: Device) -> None:
        await self.save(one)
        await self.save(other)

    async def classify(self, device_key: str, points: object) -> None:
        pass

    async def point_ids(self, device_key: str, point_keys: Sequence[str]) -> dict[str, int]:
        return {key: self.ids.setdefault((device_key, key), len(self.ids) + 1) for key in point_keys}

    async def forget(self, device_key: str) -> None:
        self.saved.pop(device_key, None)

    async def latest(self) -> Mapping[int, tuple[Stamp, Value, int]]:
        return self.last

    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] | None = None) -> None:
        self.recorded.append((actor.label, action, object))

    @property
    def rows(self) -> list[tuple[int, Value, int]]:
        return [(row.point_id, row.value, row.quality) for batch in self.batches for row in batch.rows]


class HandLink:
    """A link fed by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self.name = self.kind = "mqtt"
        self.stations: Mapping[str, Station] = {}
        self.up = True
        self.session = "s1"
        self.acknowledged: list[int] = []
        self.filters: frozenset[str] = frozenset()
        self.sent: list[tuple[str, bytes]] = []
        self._clock = clock
        self._queue: asyncio.Queue[list[Frame]] = asyncio.Queue()
        self._token = 0

    async def take(self) -> list[Frame]:
        return await self._queue.get()

    def acknowledge(self, tokens: Sequence[int]) -> None:
        self.acknowledged.extend(tokens)

    def set_filters(self, filters: frozenset[str]) -> None:
        self.filters = filters

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self.stations = stations

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        self.sent.append((to, data))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        raise NotImplementedError

    def feed(self, *messages: tuple[str, bytes], delivery: int | None = None, **more: Any) -> list[int]:
        frames = []
        for topic, data in messages:
            self._token += 1
            number = delivery if delivery is not None else self._token
            frames.append(Frame("mqtt", topic, data, self._clock.stamp(), token=self._token, delivery=number, **more))
        self._queue.put_nowait(frames)
        return [frame.token for frame in frames if frame.token is not None]


class Site:
    """Intake with its fakes, running."""

    def __init__(self, settings: IntakeSettings | None = None, store: MemoryStore | None = None) -> None:
        self.clock = ManualClock()
        self.bus = Bus()
        self.store = store or MemoryStore()
        self.link = HandLink(self.clock)
        self.register = Register(
            Registry(Probe), self.store, self.store, self.clock, self.bus, self.store, settings or IntakeSettings()
        )
        self.intake = Intake(self.register, self.store, [self.link], self.clock, self.bus)
        self.events = self.bus.subscribe("test")
        self._task: asyncio.Task[None] | None = None
        self._saver: asyncio.Task[None] | None = None

    async def start(self) -> Site:
        await self.register.load()
        self._saver = asyncio.ensure_future(self.register.run())
        self._task = asyncio.ensure_future(self.intake.run())
        await self.settle()
        return self

    async def stop(self) -> None:
        for task in (self._task, self._saver):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def settle(self) -> None:
        """Let everything that can happen now happen."""
        await self.clock.advance(0)
        await self.clock.advance(GATHER_S)

    async def adopted(self, native_id: str, **said: Any) -> str:
        """A device that announced itself and was adopted."""
        self.link.feed((f"p/{native_id}/hello", json.dumps({"name": native_id, **said}).encode()))
        await self.settle()
        key = f"probe-{native_id}"
        await self.register.adopt(key, name=native_id, area="Office", actor=SYSTEM)
        await self.settle()
        self.taken()
        return key

    def taken(self) -> list[Event]:
        """The events since the last look."""
        events: list[Event] = []
        queue = self.events._queue
        events.extend(queue)
        queue.clear()
        return events

    def state(self, key: str) -> DeviceState:
        return self.register.device(key).state


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await Site().start()
    yield made
    await made.stop()
