"""Publishes every adopted device for Home Assistant, and takes its commands.

Theory of operation. The bus says what changed; what follows from it is put into `_waiting`, topic by topic, the newest
payload winning. One task sends what waits, many messages at a time, and begins again where it was when the link was
lost. So a burst costs one message per topic, and a broker that is away costs nothing but memory for the last states.

Everything is said again when the link comes up (a broker may have lost its retained messages) and when Home Assistant
says that it has started. Configurations of ours that the broker remembers and that we no longer stand for (a device
was retired, or a driver updated, while we were away) come back on our own topics then, and are withdrawn.

A value that is stale or bad is published as not known; nothing looks fresh that is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from sluis.model import (
    Actor,
    Availability,
    AvailabilityChanged,
    Device,
    DeviceChanged,
    DeviceState,
    Event,
    Frame,
    Kind,
    LinkError,
    Occurred,
    Point,
    Quality,
    ReadingChanged,
    Role,
    SluisError,
    UnknownDevice,
)
from sluis.model.firmware import starts_update
from sluis.runtime import Bus, Clock
from sluis.upstream.ports import Commands, Devices, PublisherLink
from sluis.upstream.settings import HomeAssistantSettings
from sluis.wire.ha_discovery import payload

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Messages on their way to the broker at the same time. One at a time costs a round trip each; hundreds would hold
up other traffic of the broker."""

CONFLATE_S = 0.1
"""States that change faster than this are sent once. A person sees no difference; a burst of a hundred readings of one
point costs one message instead of a hundred."""

ACTOR = Actor("upstream", "homeassistant", Role.OPERATOR, origin="mqtt")


class HomeAssistant:
    """One Home Assistant (or several) on one broker."""

    def __init__(
        self,
        link: PublisherLink,
        devices: Devices,
        commands: Commands,
        bus: Bus,
        clock: Clock,
        settings: HomeAssistantSettings,
        *,
        version: str = "",
        name: str = "Sluis",
    ) -> None:
        self.settings = settings
        self.published = 0
        """Messages the broker has taken."""
        self.refused = 0
        """Commands from Home Assistant that could not be accepted."""
        self._layout = payload.Layout(settings.prefix, settings.node, settings.topic, version)
        self._name = name
        self._link = link
        self._devices = devices
        self._commands = commands
        self._bus = bus
        self._clock = clock
        self._configs: dict[str, dict[str, bytes]] = {}
        """Device key -> discovery topic -> payload, as last published."""
        self._targets: dict[str, tuple[str, str]] = {}
        """Command topic -> device and point."""
        self._event_types: dict[tuple[str, str], list[str]] = {}
        self._waiting: dict[str, tuple[bytes, bool]] = {}
        self._wake = asyncio.Event()
        link.on_change(self._link_changed)

    async def run(self) -> None:
        """Until cancelled."""
        subscription = self._bus.subscribe(
            "homeassistant", DeviceChanged, ReadingChanged, AvailabilityChanged, Occurred
        )
        self._link.set_filters(self._filters())
        self._say_everything()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send())
                group.create_task(self._listen())
                async for batch in subscription:
                    self._follow(batch)
        finally:
            subscription.close()

    def health(self) -> dict[str, int]:
        return {
            "devices": len(self._configs),
            "waiting": len(self._waiting),
            "published": self.published,
            "refused": self.refused,
        }

    # -- what changed -------------------------------------------------------------------------------------

    def _link_changed(self, up: bool, reason: str) -> None:
        if up:
            self._say_everything()

    def _follow(self, batch: Iterable[Event]) -> None:
        for event in batch:
            if isinstance(event, ReadingChanged):
                self._reading(event)
            elif isinstance(event, DeviceChanged):
                self._device(event.device.key)
            elif isinstance(event, AvailabilityChanged) and event.device in self._configs:
                self._availability(event.device, event.availability)
            elif isinstance(event, Occurred):
                self._occurred(event)

    def _reading(self, event: ReadingChanged) -> None:
        if event.device in self._configs:
            point = self._devices.points(event.device).get(event.point)
            if point is not None:
                known = not event.stale and event.quality is not Quality.BAD
                self._state(event.device, point, payload.state(point, event.value if known else None))

    def _occurred(self, event: Occurred) -> None:
        if event.device not in self._configs:
            return
        point = self._devices.points(event.device).get(event.occurrence.point)
        if point is None:
            return
        known = self._event_types.setdefault((event.device, point.key), list(point.options or payload.EVENTS))
        if event.occurrence.what not in known:
            # Home Assistant refuses event types that the configuration does not name.
            known.append(event.occurrence.what)
            self._device(event.device)
        said = msgspec.json.encode({"event_type": event.occurrence.what})
        self._put(self._layout.state(event.device, point.key), said, retain=False)

    # -- what we say --------------------------------------------------------------------------------------

    def _say_everything(self) -> None:
        if self.settings.enabled:
            topic, config = payload.gateway(self._layout, self._name)
            self._configs[""] = {topic: msgspec.json.encode(config)}
            self._put(topic, self._configs[""][topic])
        for key in list(self._configs):
            # Say it again, whether it changed or not.
            if key:
                self._configs[key] = dict.fromkeys(self._configs[key], b"")
        for device in self._devices.devices():
            self._device(device.key)

    def _device(self, key: str) -> None:
        """Publish a device as it is now, or withdraw it."""
        try:
            device = self._devices.device(key)
        except UnknownDevice:
            self._withdraw(key, {})
            return
        if not self._is_ours(device):
            self._withdraw(key, {})
            return
        # What another system may not start (`sluis.control.checks`) it is not offered either.
        offered = [point for point in self._devices.points(key).values() if not starts_update(point)]
        points = [self._with_event_types(key, point) for point in offered]
        parent = device.parent if self._is_published(device.parent) else ""
        made = payload.messages(device, points, parent, self._layout, device_form=self.settings.device_form)
        configs = {topic: msgspec.json.encode(config) for topic, config in made.items()}
        held = self._configs.get(key, {})
        self._withdraw(key, configs)
        for topic, body in configs.items():
            if held.get(topic) != body:
                self._put(topic, body)
        self._configs[key] = configs
        self._targets |= {self._layout.command(key, one.key): (key, one.key) for one in points if one.writable}
        self._states(key, points)

    def _withdraw(self, key: str, still: Iterable[str]) -> None:
        """Take back the configurations of a device that are not among those it has `still`."""
        gone = [topic for topic in self._configs.get(key, ()) if topic not in still]
        for topic in gone:
            self._put(topic, b"")
        if gone and not still:
            del self._configs[key]
            self._put(self._layout.availability(key), b"")
            self._targets = {topic: target for topic, target in self._targets.items() if target[0] != key}

    def _states(self, key: str, points: Iterable[Point]) -> None:
        twin = self._devices.twin(key)
        self._availability(key, twin.availability)
        for point in points:
            if point.kind is Kind.TRIGGER:
                continue
            held = twin.reported.get(point.key)
            known = held is not None and not held.stale and held.quality is not Quality.BAD
            self._state(key, point, payload.state(point, held.value if held and known else None))

    def _availability(self, key: str, availability: Availability) -> None:
        word = "online" if availability is Availability.ONLINE else "offline"
        self._put(self._layout.availability(key), word.encode())

    def _state(self, key: str, point: Point, state: str) -> None:
        self._put(self._layout.state(key, point.key), state.encode())

    def _put(self, topic: str, body: bytes, *, retain: bool = True) -> None:
        # Taken out first, so that a configuration that is said again stands before the states that follow it.
        self._waiting.pop(topic, None)
        self._waiting[topic] = (body, retain)
        self._wake.set()

    def _is_ours(self, device: Device) -> bool:
        return (
            self.settings.enabled
            and device.state is DeviceState.ADOPTED
            and device.driver not in self.settings.skip_drivers
        )

    def _is_published(self, key: str) -> bool:
        try:
            return bool(key) and self._is_ours(self._devices.device(key))
        except UnknownDevice:
            return False

    def _with_event_types(self, key: str, point: Point) -> Point:
        known = self._event_types.get((key, point.key))
        return point.named(point.key, options=tuple(known)) if known else point

    # -- the wire -----------------------------------------------------------------------------------------

    @property
    def own_topics(self) -> frozenset[str]:
        """Filters of what is published here."""
        settings = self.settings
        return frozenset(
            (f"{self._layout.topic}/#", f"{settings.prefix}/+/{settings.node}/+/config", settings.gateway_status_topic)
        )

    def _filters(self) -> frozenset[str]:
        layout, settings = self._layout, self.settings
        own = f"{settings.prefix}/+/{settings.node}/+/config"
        return frozenset((settings.status_topic, f"{layout.topic}/+/+/set", own))

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            if not self._link.up:
                # The link's listener wakes us when it is back.
                self._wake.clear()
                continue
            done = self._tell_states() and await self._send_configs()
            if not self._waiting or not done:
                await self._clock.sleep(CONFLATE_S)
            if not self._waiting:
                self._wake.clear()

    def _tell_states(self) -> bool:
        """States need no answer: after a break everything is said again. False when the broker takes nothing now."""
        states = {topic: what for topic, what in self._waiting.items() if not topic.endswith("/config")}
        if not states:
            return True
        if not self._link.tell((topic, body, retain) for topic, (body, retain) in states.items()):
            return False
        for topic in states:
            del self._waiting[topic]
        self.published += len(states)
        return True

    async def _send_configs(self) -> bool:
        """Some of the configurations, each until the broker has it."""
        batch = dict(list(self._waiting.items())[:AT_ONCE])
        for topic in batch:
            del self._waiting[topic]
        done = await asyncio.gather(*(self._send_one(topic, *what) for topic, what in batch.items()))
        self.published += sum(done)
        return all(done)

    async def _send_one(self, topic: str, body: bytes, retain: bool) -> bool:
        try:
            await self._link.send(body, to=topic, retain=retain)
        except LinkError as error:
            log.debug("not published: %s", error)
            self._waiting.setdefault(topic, (body, retain))
            return False
        return True

    async def _listen(self) -> None:
        while True:
            for frame in await self._link.take():
                await self._heard(frame)
                if frame.token is not None:
                    self._link.acknowledge([frame.token])

    async def _heard(self, frame: Frame) -> None:
        if frame.source == self.settings.status_topic:
            if frame.data == b"online" and not frame.retained:
                self._say_everything()
        elif frame.source.endswith("/config"):
            self._remembered(frame)
        elif not frame.retained:
            # A retained command would be carried out again at every reconnect.
            await self._command(frame)

    def _remembered(self, frame: Frame) -> None:
        """The broker remembers a configuration of ours; withdraw it when we no longer stand for it."""
        ours = any(frame.source in topics for topics in self._configs.values())
        if frame.retained and frame.data and not ours:
            self._put(frame.source, b"")

    async def _command(self, frame: Frame) -> None:
        target = self._targets.get(frame.source)
        if target is None:
            return
        key, point_key = target
        point = self._devices.points(key).get(point_key)
        if point is None:
            return
        try:
            value = payload.wish(point, frame.data)
            await self._commands.submit(key, point_key, value, ACTOR, reason="Home Assistant")
        except (SluisError, ValueError, KeyError) as error:
            self.refused += 1
            log.info("command from Home Assistant for %s %s not accepted: %s", key, point_key, error)
            # So that its switch does not stay where the person put it.
            self._states(key, [point])
