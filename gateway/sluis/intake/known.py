"""The devices that the gateway knows, in memory, with driver instance and twin; the store holds what must survive.

Frames find their devices here (`routes`), and announcements become *discovered* devices here (`announce`). A device
that nobody adopted is listed and otherwise not used: none of its topics is subscribed, none of its readings stored.
What people decide about them is in `sluis.intake.register`.
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
from sluis.model import (
    Announcement,
    Device,
    DeviceChanged,
    DeviceState,
    DriverError,
    Frame,
    Point,
    Quality,
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


class KnownDevices:
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
        """What links are to listen to is another."""
        self.polls_changed = asyncio.Event()
        """Who is polled is another, and the links know of it. Intake sets it."""
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

    def home(self, cls: type[Driver], link: str, kind: str) -> str:
        """The link that a device announced on `link` is spoken to; "" when there is none of its kind."""
        if kind != FINDER:
            return link
        return next((name for name, one in self.links.items() if one != FINDER and one in cls.about.match.kinds), "")

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
        if said.firmware and said.firmware != entry.device.firmware:
            fresh["firmware_since_us"] = self._since_us()
        if said.name and not entry.device.name:
            fresh["name"] = said.name
        device = replace(entry.device, description=description, link=self._link_of(entry, link), **fresh)
        if device.parent == "" and said.parent:
            device = replace(device, parent=self._key_of(driver_key, said.parent))
        if device == entry.device:
            return
        entry.device = device
        self._touch(device.key)

    def _since_us(self) -> int:
        """Now, for the record; 0 while nobody knows what the time is."""
        now = self._clock.stamp()
        return now.at_us if now.trusted else 0

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
            firmware_since_us=self._since_us() if said.firmware else 0,
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
            self._index(device)
            if device.state is DeviceState.ADOPTED:
                await self._activate(entry)
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
                async with entry.saving:
                    await self._activate(entry)
        self.filters_changed.set()

    async def _settle(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is None:
            await self._store.forget(key)
            return
        async with entry.saving:
            await self._store.save(entry.device)
            await self._activate(entry)
        self._bus.publish(DeviceChanged(entry.device, "announced"))
        await self._appeared(entry.device)

    async def _appeared(self, device: Device) -> None:
        """A device made itself known; it is saved, and listed."""

    async def _activate(self, entry: Entry) -> None:
        """Make the driver instance that fits the device as it is now; route its frames when it is adopted."""
        device = entry.device
        driver, fault = self._instance(device)
        points = {point.key: point for point in driver.points()} if driver else {}
        adopted = device.state is DeviceState.ADOPTED
        if adopted:
            missing = [key for key in points if key not in entry.point_ids]
            if missing:
                entry.point_ids.update(await self._store.point_ids(device.key, missing))
                await self._store.classify(device.key, [points[key] for key in missing])
        self.routes.remove(entry)
        if driver is not None and entry.driver is not None and type(entry.driver) is type(driver):
            fault = _handed_over(entry.driver, driver)  # not before the waits above: frames were decoded meanwhile
            driver, points = (None, {}) if fault else (driver, points)
        entry.driver, entry.fault, entry.points = driver, fault, points
        entry.identifies = driver is not None and type(driver).identity is not Driver.identity
        entry.twin.redeclare(points.values())
        if adopted:
            self.routes.add(entry)
        self.filters_changed.set()

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

    def _index(self, device: Device) -> None:
        """Find the device by what it is called in its own protocol, and by the fragments it announced."""
        self._by_native[(device.driver, device.native_id)] = device.key
        for fragment in device.description:
            if fragment:
                self._by_fragment[(device.driver, fragment)] = device.key

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


def _handed_over(before: Driver, after: Driver) -> str:
    """Let a driver's successor take over what it remembers; why that failed, "" when it did not."""
    try:
        after.succeed(before)
    except Exception as error:  # without its memory a driver may take a recording for news: better none
        return f"{type(error).__name__}: {error}"
    return ""


def _may_announce(cls: type[Driver], kind: str, source: str) -> bool:
    match = cls.about.match
    return kind in match.kinds and any(matches(one, source) for one in match.filters)


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes; at most 80 characters: fit for URLs, file names and topics."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "device"
