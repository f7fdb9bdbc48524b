"""The register: all devices, in memory, with driver instance and twin; the store holds what must survive.

Frames find their devices here (`routes`), announcements become *discovered* devices here (`announce`), and
people decide here (`adopt`, `ignore`, `retire`). A device that nobody adopted is listed and otherwise not used:
none of its topics is subscribed, none of its readings stored.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sluis.intake.adverts import Adverts
from sluis.intake.entry import Allowance, Entry, FrameCounters
from sluis.intake.ports import Audit, DeviceStore, LatestStore
from sluis.intake.routes import CACHED, Routes
from sluis.intake.settings import IntakeSettings
from sluis.intake.setup import SHARED, answers, check, prove
from sluis.model import (
    Actor,
    AlreadyThere,
    Announcement,
    ConfigError,
    Device,
    DeviceChanged,
    DeviceState,
    DriverError,
    Frame,
    Point,
    Quality,
    Role,
    UnknownDevice,
)
from sluis.runtime import Bus, Clock
from sluis.sdk import Driver, Registry
from sluis.sdk.registry import merge_fragment
from sluis.twins import Twin
from sluis.wire.topics import matches

MOVED_AFTER_S = 60.0
"""A device that is silent on its link for so long, and announces itself on another, has moved there. Shorter and a
sensor that two radios hear moves to and fro; longer and one that was carried to another floor is missed."""


FINDER = "mdns"
"""The kind of link on which devices of other links are found."""


HEARD_BY_MANY = frozenset({"mqtt", "ble"})
"""Kinds of link on which two drivers may hold what is one thing to a person: the advertisements of a sensor and what
it says in a connection; a topic that two families read. There nobody's question is another's answer."""


class Register:
    """Devices by key. All methods run on the event loop."""

    def __init__(
        self,
        registry: Registry,
        store: DeviceStore,
        latest: LatestStore,
        clock: Clock,
        bus: Bus,
        audit: Audit,
        settings: IntakeSettings | None = None,
    ) -> None:
        self.registry = registry
        self.settings = settings or IntakeSettings()
        self.undiscovered = 0
        """Strangers that gave way to newer ones because `max_discovered` was reached."""
        self.links: dict[str, str] = {}
        """Name -> kind of the links there are; intake fills it."""
        self.everything = False
        """Whether links of topics are to listen to all there are: while somebody scans."""
        self.filters_changed = asyncio.Event()
        self.polls_changed = asyncio.Event()
        self.routes = Routes()
        self._store = store
        self._latest = latest
        self._clock = clock
        self._bus = bus
        self._audit = audit
        self._entries: dict[str, Entry] = {}
        self._sniffers: dict[tuple[str, str], list[type[Driver]]] = {}
        self._adverts: Adverts | None = None
        self._by_native: dict[tuple[str, str], str] = {}
        self._by_fragment: dict[tuple[str, str], str] = {}
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()

    # -- looking ------------------------------------------------------------------------------------------

    def devices(self, *states: DeviceState) -> list[Device]:
        """All devices (of the given states), in order of label."""
        found = [entry.device for entry in self._entries.values() if not states or entry.device.state in states]
        return sorted(found, key=lambda device: device.label.casefold())

    def device(self, key: str) -> Device:
        return self.entry(key).device

    def points(self, key: str) -> Mapping[str, Point]:
        return self.entry(key).points

    def driver(self, key: str) -> Driver:
        """DriverError when its driver is missing or refused the device's description."""
        entry = self.entry(key)
        if entry.driver is None:
            raise DriverError(entry.fault)
        return entry.driver

    def fault(self, key: str) -> str:
        """Why the device's driver does not work for it; "" when it does."""
        return self.entry(key).fault

    def twin(self, key: str) -> Twin:
        return self.entry(key).twin

    def frames(self, key: str) -> list[tuple[Frame, str]]:
        """The last raw frames with their outcome, oldest first."""
        return list(self.entry(key).frames)

    def counters(self, key: str) -> FrameCounters:
        return self.entry(key).counters

    def entry(self, key: str) -> Entry:
        """UnknownDevice when there is none."""
        try:
            return self._entries[key]
        except KeyError:
            raise UnknownDevice(f"there is no device {key!r}") from None

    def by_native(self, driver: str, native_id: str) -> Entry | None:
        key = self._by_native.get((driver, native_id))
        return self._entries.get(key) if key else None

    def children(self, key: str) -> list[Entry]:
        """The devices whose traffic this device carries."""
        return [entry for entry in self._entries.values() if entry.device.parent == key]

    def areas(self) -> list[str]:
        """Names of the areas in use."""
        return sorted({device.area for device in self.devices(DeviceState.ADOPTED) if device.area})

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def filters(self, link: str, kind: str) -> frozenset[str]:
        """All source filters that a link of this kind is needed for: every family's announcements and every adopted
        device's sources."""
        families = {
            source for cls in self.registry if kind in cls.about.match.kinds for source in cls.about.match.filters
        }
        everything = {"#"} if self.everything and kind == "mqtt" else set()
        return frozenset(families | self.routes.filters(link) | everything)

    def sniffers(self, kind: str, source: str) -> list[type[Driver]]:
        """The driver classes that may find an announcement in any frame from `source` on a link of this kind."""
        found = self._sniffers.get((kind, source))
        if found is None:
            if len(self._sniffers) >= CACHED:
                self._sniffers.clear()
            found = [cls for cls in self.registry if _may_announce(cls, kind, source)]
            self._sniffers[kind, source] = found
        return found

    def finders(self, kind: str, frame: Frame) -> Sequence[type[Driver]]:
        """The driver classes that may find an announcement in this frame on a link of this kind: by its source, and
        for an advertisement by what it says."""
        by_source = self.sniffers(kind, frame.source)
        return by_source if kind != "ble" else (*by_source, *self.adverts.families(frame))

    def lookers(self, kind: str, frame: Frame) -> Sequence[type[Driver]]:
        """The same, however often this advertiser was looked at."""
        by_source = self.sniffers(kind, frame.source)
        return by_source if kind != "ble" else (*by_source, *self.adverts.fitting(frame))

    @property
    def adverts(self) -> Adverts:
        """What is known of advertisers; anew when the families change."""
        if self._adverts is None:
            self._adverts = Adverts(self.registry)
        return self._adverts

    # -- people decide ------------------------------------------------------------------------------------

    async def adopt(self, key: str, *, name: str, area: str, asset_number: str = "", actor: Actor) -> Device:
        """Take a discovered (or ignored, or retired) device into use. AlreadyThere when another driver owns it."""
        held = self.entry(key).device
        self._one_owner(held.driver, held.link, held.native_id)
        return await self._decide(
            key, actor, "adopted", state=DeviceState.ADOPTED, name=name, area=area, asset_number=asset_number
        )

    async def add(
        self,
        driver: str,
        link: str,
        address: str,
        *,
        setup: Mapping[str, Any] | None = None,
        name: str = "",
        area: str = "",
        asset_number: str = "",
        actor: Actor,
    ) -> Device:
        """Take into use a device that cannot announce itself; `setup` answers what its driver asks (`About.setup`).

        ConfigError for an unknown driver and for what does not fit, AlreadyThere when the device is in use.
        """
        cls = self.registry.get(driver)
        if cls is None:
            raise ConfigError("there is no such driver", where=driver, hint="sluis driver list")
        told = answers(cls.about, setup or {})
        source = self._source(cls, link, address)
        check(cls, source, {"setup": told})
        self._one_owner(driver, link, source)
        entry = self.by_native(driver, source)
        if entry is not None and entry.device.state is DeviceState.ADOPTED:
            raise AlreadyThere(f"{entry.device.label} is in use with driver {driver} at {source}")
        if entry is None:
            vendor, models = cls.about.vendor, cls.about.models
            model = models[0] if len(models) == 1 else ""
            self._discover(driver, link, Announcement(source, "setup", told, vendor=vendor, model=model))
            entry = self.by_native(driver, source)
            assert entry is not None  # just made
        else:
            entry.device = replace(entry.device, link=link, description={**entry.device.description, "setup": told})
        return await self.adopt(
            entry.device.key, name=name or source, area=area, asset_number=asset_number, actor=actor
        )

    def _one_owner(self, driver: str, link: str, native_id: str) -> None:
        """AlreadyThere when another driver speaks to this very device: two would ask it at cross purposes, and each
        would take the other's answers for its own."""
        if self.links.get(link, "mqtt") in HEARD_BY_MANY:
            return
        for entry in self:
            held = entry.device
            mine = (held.link, held.native_id) == (link, native_id) and held.driver != driver
            if mine and held.state is DeviceState.ADOPTED:
                raise AlreadyThere(
                    f"{held.label} is in use with driver {held.driver} at {native_id}",
                    hint="One device has one driver. Take it out of use first to give it another.",
                )

    def home(self, cls: type[Driver], link: str, kind: str) -> str:
        """The link that a device announced on `link` is spoken to; "" when there is none of its kind."""
        if kind != FINDER:
            return link
        return next((name for name, one in self.links.items() if one != FINDER and one in cls.about.match.kinds), "")

    def _source(self, cls: type[Driver], link: str, address: str) -> str:
        """The source of the frames of the device at `address` of `link`. ConfigError when the link does not fit."""
        kind = self.links.get(link)
        if kind is None:
            raise ConfigError("there is no such link", where=link, allowed=", ".join(self.links))
        kinds = [one for one in cls.about.match.kinds if one != FINDER]
        if kind not in kinds:
            raise ConfigError(f"is a {kind} link", where=link, allowed=" or ".join(kinds))
        if not address.strip() or any(char in address for char in "+#\n"):
            raise ConfigError(f"{address!r} is no address", where=link)
        address = address.strip().upper() if kind == "ble" else address.strip()
        return f"{link}/{address}" if kind in SHARED else address

    async def configure(self, key: str, setup: Mapping[str, Any], actor: Actor) -> Device:
        """Change what a person told of a device (a bind key). ConfigError when it does not fit."""
        entry = self.entry(key)
        cls = self.registry.get(entry.device.driver)
        if cls is None:
            raise DriverError(entry.fault)
        held = entry.device.description.get("setup", {})
        told = answers(cls.about, {**held, **setup})
        description = {**entry.device.description, "setup": told}
        check(cls, entry.device.native_id, description)
        if any(ask.secret and ask.key in setup for ask in cls.about.setup):
            prove(cls, entry.device.native_id, description, [frame for frame, _ in entry.frames])
        return await self._decide(key, actor, "configured", description=description)

    async def update(
        self,
        key: str,
        *,
        name: str | None = None,
        area: str | None = None,
        asset_number: str | None = None,
        actor: Actor,
    ) -> Device:
        """Change what people call a device and where it is; None leaves a field as it is."""
        wanted = {"name": name, "area": area, "asset_number": asset_number}
        return await self._decide(key, actor, "updated", **{k: v for k, v in wanted.items() if v is not None})

    async def ignore(self, key: str, actor: Actor) -> Device:
        """Not ours: do not show it among the discovered ones again."""
        return await self._decide(key, actor, "ignored", state=DeviceState.IGNORED)

    async def rediscover(self, key: str, actor: Actor) -> Device:
        """Undo `ignore` or `adopt`: back to the discovered list."""
        return await self._decide(key, actor, "discovered", state=DeviceState.DISCOVERED)

    async def retire(self, key: str, actor: Actor) -> Device:
        """Out of use; the history stays."""
        return await self._decide(key, actor, "retired", state=DeviceState.RETIRED)

    async def relate(self, key: str, other: str, actor: Actor) -> Device:
        """A person says that `key` is another path to the device `other`. Both stay devices of their own.

        ConfigError where that would be a circle or a chain: all paths lead to one device.
        """
        first, second = self.device(other), self.device(key)
        if first.key == second.key:
            raise ConfigError("is the device itself", where=other)
        if first.same_as:
            raise ConfigError(f"is itself another path to {first.same_as}", where=other, hint="Relate it to that one.")
        if any(entry.device.same_as == key for entry in self):
            raise ConfigError("has other paths that lead to it", where=key, hint="Relate the two the other way round.")
        return await self._decide(key, actor, "related", same_as=other)

    async def unrelate(self, key: str, actor: Actor) -> Device:
        """Undo `relate`."""
        return await self._decide(key, actor, "unrelated", same_as="")

    async def _decide(self, key: str, actor: Actor, what: str, **changes: Any) -> Device:
        entry = self.entry(key)
        before = entry.device
        if changes.get("state") is DeviceState.ADOPTED:
            changes["adopted_at_us"] = self._clock.stamp().at_us
        device = replace(before, **changes)
        # Durable first: what the store refuses has not happened.
        await self._store.save(device)
        detail = {field: str(value) for field, value in changes.items() if field != "description"}
        await self._audit.record(actor, f"device.{what}", key, detail)
        await self._activate(entry, device)
        self._bus.publish(DeviceChanged(device, what))
        return device

    # -- devices make themselves known --------------------------------------------------------------------

    def announce(self, driver_key: str, link: str, said: Announcement) -> None:
        """Take an announcement in: a new device is listed, a known one may have changed. Saved in the background."""
        entry = self._announcing(driver_key, said)
        if entry is None:
            if said.content is not None and said.native_id:
                self._discover(driver_key, link, said)
            return
        if said.fragment:
            self._by_fragment[(driver_key, said.fragment)] = entry.device.key
        description = merge_fragment(entry.device.description, said)
        if not description and entry.device.state is DeviceState.DISCOVERED:
            self._vanish(entry)
            return
        told = {"vendor": said.vendor, "model": said.model, "serial": said.serial, "firmware": said.firmware}
        fresh: dict[str, Any] = {field: value for field, value in told.items() if value}
        if said.name and not entry.device.name:
            fresh["name"] = said.name
        device = replace(entry.device, description=description, link=self._link_of(entry, link), **fresh)
        if device.parent == "" and said.parent:
            device = replace(device, parent=self._key_of(driver_key, said.parent))
        if device == entry.device:
            return
        entry.device = device
        self._touch(device.key)

    def _link_of(self, entry: Entry, link: str) -> str:
        """The link that a device is to be heard on: the one it has, while it is heard there. Two radios hear one
        device, and it would change over with each of its packets."""
        held = entry.device.link
        if held == link or held not in self.links:
            return link
        heard = entry.twin.heard_at or entry.twin.since
        silent_s = (self._clock.stamp().mono_us - heard.mono_us) / 1e6
        return link if silent_s > MOVED_AFTER_S else held

    def _announcing(self, driver_key: str, said: Announcement) -> Entry | None:
        if said.native_id:
            return self.by_native(driver_key, said.native_id)
        key = self._by_fragment.get((driver_key, said.fragment))
        return self._entries.get(key) if key else None

    def _discover(self, driver_key: str, link: str, said: Announcement) -> None:
        self._make_room()
        device = Device(
            key=self._free_key(driver_key, said.native_id),
            driver=driver_key,
            native_id=said.native_id,
            link=link,
            name=said.name,
            area=said.suggested_area,
            vendor=said.vendor,
            model=said.model,
            serial=said.serial,
            firmware=said.firmware,
            parent=self._key_of(driver_key, said.parent) if said.parent else "",
            confidence=said.confidence if said.confidence in ("certain", "likely") else "possible",
            evidence=said.evidence[:200],
            description=merge_fragment({}, said),
            discovered_at_us=self._clock.stamp().at_us,
        )
        self._insert(device, {})
        if said.fragment:
            self._by_fragment[(driver_key, said.fragment)] = device.key
        self._touch(device.key)

    def _make_room(self) -> None:
        """Keep the strangers bounded: the one that was found first gives way, so that a flood of invented devices
        cannot keep a new one out for ever."""
        strangers = [entry for entry in self._entries.values() if entry.device.state is DeviceState.DISCOVERED]
        if len(strangers) >= self.settings.max_discovered:
            self._vanish(min(strangers, key=lambda entry: entry.device.discovered_at_us))
            self.undiscovered += 1

    def _vanish(self, entry: Entry) -> None:
        """A device that was only discovered has withdrawn its announcement."""
        key = entry.device.key
        del self._entries[key]
        del self._by_native[(entry.device.driver, entry.device.native_id)]
        for fragment in entry.device.description:
            self._by_fragment.pop((entry.device.driver, fragment), None)
        self._touch(key)
        self._bus.publish(DeviceChanged(entry.device, "vanished"))

    # -- keeping ------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Bring back what the store remembers, with the last readings shown at their age."""
        latest = await self._latest.latest()
        for device, point_ids in await self._store.load():
            entry = self._insert(device, point_ids)
            for fragment in device.description:
                if fragment:
                    self._by_fragment[(device.driver, fragment)] = device.key
            if device.state is DeviceState.ADOPTED:
                await self._activate(entry, device)
                for key, point_id in entry.point_ids.items():
                    if point_id in latest:
                        stamp, value, quality = latest[point_id]
                        entry.twin.restore(key, value, Quality(quality), stamp)

    async def run(self) -> None:
        """Save what announcements changed, and bring changed devices into use."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._dirty = list(self._dirty), {}
            for key in waiting:
                await self._settle(key)

    async def reload_driver(self, driver_key: str) -> None:
        """A driver was added, replaced or removed while running: remake its devices' instances."""
        self._sniffers.clear()
        self._adverts = None
        for entry in self:
            if entry.device.driver == driver_key:
                await self._activate(entry, entry.device)
        self.filters_changed.set()

    async def _settle(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is None:
            await self._store.forget(key)
            return
        await self._store.save(entry.device)
        await self._activate(entry, entry.device)
        self._bus.publish(DeviceChanged(entry.device, "announced"))
        await self._adopt_by_rule(entry.device)

    async def _adopt_by_rule(self, device: Device) -> None:
        if device.state is not DeviceState.DISCOVERED:
            return
        for number, rule in enumerate(self.settings.adopt, 1):
            if rule.fits(device):
                actor = Actor("rule", f"adopt-{number}", Role.TECHNICIAN, origin="configuration")
                await self.adopt(device.key, name=device.label, area=rule.area or device.area, actor=actor)
                return

    async def _activate(self, entry: Entry, device: Device) -> None:
        """Make the driver instance that fits the device as it is now; route its frames when it is adopted."""
        driver, fault = self._instance(device)
        points = {point.key: point for point in driver.points()} if driver else {}
        adopted = device.state is DeviceState.ADOPTED
        if adopted:
            missing = [key for key in points if key not in entry.point_ids]
            if missing:
                entry.point_ids.update(await self._store.point_ids(device.key, missing))
                await self._store.classify(device.key, [points[key] for key in missing])
        self.routes.remove(entry)
        if driver is not None and type(entry.driver) is type(driver):
            driver.succeed(entry.driver)
        entry.device, entry.driver, entry.fault, entry.points = device, driver, fault, points
        entry.identifies = driver is not None and type(driver).identity is not Driver.identity
        entry.twin.redeclare(points.values())
        if adopted:
            self.routes.add(entry)
        self.filters_changed.set()
        self.polls_changed.set()

    def _instance(self, device: Device) -> tuple[Driver | None, str]:
        try:
            driver = self.registry.instance(device)
            tuple(driver.points())
            tuple(driver.topics())
        except Exception as error:  # a stranger's code: whatever it raises disables this device only
            return None, f"{type(error).__name__}: {error}"
        return driver, ""

    def _insert(self, device: Device, point_ids: dict[str, int]) -> Entry:
        entry = Entry(
            device=device,
            driver=None,
            twin=Twin(device.key, (), self._clock.stamp()),
            points={},
            point_ids=point_ids,
            allowance=Allowance(self.settings.flood_per_s, self.settings.flood_burst),
            frames=deque(maxlen=self.settings.frames_kept),
        )
        self._entries[device.key] = entry
        self._by_native[(device.driver, device.native_id)] = device.key
        return entry

    def _touch(self, key: str) -> None:
        self._dirty[key] = None
        self._wake.set()

    def _key_of(self, driver_key: str, native_id: str) -> str:
        return self._by_native.get((driver_key, native_id)) or slug(f"{driver_key}-{native_id}")

    def _free_key(self, driver_key: str, native_id: str) -> str:
        base = slug(f"{driver_key}-{native_id}")
        key, number = base, 2
        while key in self._entries:
            key, number = f"{base}-{number}", number + 1
        return key


def _may_announce(cls: type[Driver], kind: str, source: str) -> bool:
    match = cls.about.match
    return kind in match.kinds and any(matches(one, source) for one in match.filters)


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes; at most 80 characters: fit for URLs, file names and topics."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "device"
