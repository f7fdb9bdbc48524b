"""The register: all devices that the gateway knows, and what people decide about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluis.intake.known import FINDER, KnownDevices
from sluis.intake.setup import SHARED, answers, check, product, prove
from sluis.intake.swap import check_swap, exchanged
from sluis.model import (
    Actor,
    AlreadyThere,
    Announcement,
    ConfigError,
    Device,
    DeviceChanged,
    DeviceState,
    DriverError,
    Role,
)
from sluis.sdk import Driver

HEARD_BY_MANY = frozenset({"mqtt", "ble"})
"""Kinds of link on which two drivers may hold what is one thing to a person: the advertisements of a sensor and what
it says in a connection; a topic that two families read. There nobody's question is another's answer."""


class Register(KnownDevices):
    """Known devices, taken into use, changed and put away. What a person decides is durable, and in the audit log, when
    the method returns."""

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
            vendor, model = product(cls, source, {"setup": told})
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
        changes: dict[str, Any] = {"description": description}
        was = product(cls, entry.device.native_id, entry.device.description)
        if (entry.device.vendor, entry.device.model) == was:  # nothing but what was told says what it is
            changes["vendor"], changes["model"] = product(cls, entry.device.native_id, description)
        return await self._decide(key, actor, "configured", **changes)

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

    async def replace(self, key: str, by: str, actor: Actor, *, force: bool = False) -> Device:
        """The device `by` takes the place of the dead device `key`: its name, area, history, limits and rules. The dead
        one is out of use under the newcomer's key.

        ConfigError, WrongModel, and StillAlive while the old one is heard (unless forced).
        """
        old, new = self.entry(key), self.entry(by)
        check_swap(old, new, force=force)
        cls, now_us = self.registry.get(old.device.driver), self._clock.stamp().at_us
        first, second = sorted((old, new), key=lambda entry: entry.device.key)
        async with first.saving, second.saving:
            place, gone = exchanged(old.device, new.device, cls, now_us)
            await self._store.exchange(place, gone)
            detail = {"by": by, "was": gone.native_id, "is": place.native_id}
            await self._audit.record(actor, "device.replaced", key, detail)
            self._index(place)
            self._index(gone)
            old.driver = new.driver = None  # what a driver remembers is of the thing, not of the place
            old.device, new.device = place, gone
            await self._activate(new)
            await self._activate(old)
        for entry in self:
            if entry.device.parent == by:
                await self._decide(entry.device.key, actor, "updated", parent=key)
        self._bus.publish(DeviceChanged(gone, "retired"))
        self._bus.publish(DeviceChanged(place, "replaced"))
        return place

    async def _decide(self, key: str, actor: Actor, what: str, **changes: Any) -> Device:
        entry = self.entry(key)
        if changes.get("state") is DeviceState.ADOPTED:
            changes["adopted_at_us"] = self._clock.stamp().at_us
        async with entry.saving:
            # Durable first: what the store refuses has not happened.
            await self._store.save(replace(entry.device, **changes))
            detail = {field: str(value) for field, value in changes.items() if field != "description"}
            await self._audit.record(actor, f"device.{what}", key, detail)
            device = entry.device = replace(entry.device, **changes)  # with what it announced meanwhile
            await self._activate(entry)
        self._bus.publish(DeviceChanged(device, what))
        return device

    async def _appeared(self, device: Device) -> None:
        """Adopt it where the settings say so."""
        if device.state is not DeviceState.DISCOVERED:
            return
        for number, rule in enumerate(self.settings.adopt, 1):
            if rule.fits(device):
                actor = Actor("rule", f"adopt-{number}", Role.TECHNICIAN, origin="configuration")
                await self.adopt(device.key, name=device.label, area=rule.area or device.area, actor=actor)
                return
