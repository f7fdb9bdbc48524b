"""Wellness: looks at every device once an hour and holds how well each is.

Theory of operation. A round goes from device to device with a pause after each, so that two thousand of them cost a
little all the time and nothing at once; what a device needs is a handful of small queries on the store's reading
connections. A device that somebody looks at is judged anew, unless that was done a minute ago. Nothing is stored: all
of it follows from what is, and the first round after a start makes it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sluis.model import AvailabilityChanged, DeviceState, LinkChanged, StoreError, UnknownDevice
from sluis.runtime import Bus, Clock
from sluis.twins.health import DeviceHealth, Signs, health
from sluis.watch.outages import Outages
from sluis.watch.ports import Carrier, Devices, History
from sluis.watch.signs import Examination

log = logging.getLogger(__name__)

EVERY_S = 3600.0
"""From the beginning of one round to that of the next. What is judged changes over hours and days."""

FIRST_AFTER_S = 60.0
"""After the start: links come up, and devices speak for the first time. Sooner and all of them are out of reach."""

PAUSE_S = 0.2
"""Between two devices of a round: two thousand take seven minutes, and one in the way of a page takes it some
milliseconds. Longer and a large site's first list comes late; shorter and a small board is busy with it."""

FRESH_S = 60.0
"""What is not older than this is not judged anew for somebody who looks."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """How well a device was found, and what that rests on."""

    device: str
    at_us: int
    mono_us: int
    signs: Signs
    health: DeviceHealth


class Wellness:
    """`run` it beside watch."""

    def __init__(
        self, devices: Devices, history: History, links: Mapping[str, Carrier], clock: Clock, bus: Bus
    ) -> None:
        self._devices = devices
        self._links = links
        self._clock = clock
        self._outages = Outages(clock.stamp().at_us)
        self._examination = Examination(devices, history, self._outages)
        self._held: dict[str, Checkup] = {}
        # From the beginning: what happens between now and `run` must not be missed.
        self._subscription = bus.subscribe("wellness", LinkChanged, AvailabilityChanged)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._rounds())

    def worst_first(self) -> list[Checkup]:
        """Every device in use that was looked at; of equal ones by key."""
        used = {device.key for device in self._devices.devices(DeviceState.ADOPTED)}
        found = [checkup for key, checkup in self._held.items() if key in used]
        return sorted(found, key=lambda one: (one.health.score, one.device))

    async def of(self, key: str) -> Checkup:
        """How well one device is now. UnknownDevice when there is none; StoreError."""
        held, now = self._held.get(key), self._clock.stamp()
        if held is not None and now.mono_us - held.mono_us < FRESH_S * 1e6:
            return held
        signs = await self._examination.signs(key, now)
        made = Checkup(key, now.at_us, now.mono_us, signs, health(signs))
        if self._devices.device(key).state is DeviceState.ADOPTED:
            self._held[key] = made
        return made

    # -- the loops ----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._look_at_links()
        async for events in self._subscription:
            for event in events:
                self._outages.take(event)

    def _look_at_links(self) -> None:
        """A link that never came up says nothing."""
        now_us = self._clock.stamp().at_us
        for name, link in self._links.items():
            if not link.up:
                self._outages.down(name, now_us)

    async def _rounds(self) -> None:
        await self._clock.sleep(FIRST_AFTER_S)
        while True:
            began_us = self._clock.stamp().mono_us
            await self.round()
            took_s = (self._clock.stamp().mono_us - began_us) / 1e6
            await self._clock.sleep(max(PAUSE_S, EVERY_S - took_s))

    async def round(self) -> None:
        """Look at every device in use, in their own time."""
        used = [device.key for device in self._devices.devices(DeviceState.ADOPTED)]
        self._forget(used)
        for key in used:
            try:
                await self.of(key)
            except UnknownDevice:
                continue  # it left while we went round
            except StoreError as error:
                log.warning("devices are not looked at: %s", error)
                return
            await self._clock.sleep(PAUSE_S)

    def _forget(self, used: list[str]) -> None:
        for key in self._held.keys() - set(used):
            del self._held[key]
            self._outages.forget(key)
