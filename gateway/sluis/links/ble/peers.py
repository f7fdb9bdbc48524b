"""The connections of one adapter: few, made when needed, kept where a device is to notify, shared by turns.

Theory of operation. A connection costs one of the adapter's slots from before it is made until it has ended. Whoever
reads or writes takes the device's turn (one at a time for each device), connects if there is no connection, and leaves
it open for `idle_s` for whoever comes next; when slots run out, an idle connection gives way at once. Devices that are
to notify are kept connected: at most all slots but one, so that the others can still be read. One connection is made
at a time: controllers refuse a second attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sluis.links.ble.backend import BleBackend, BlePeer
from sluis.links.ble.pairing import Pairing
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.slots import Slots
from sluis.model import LinkError
from sluis.runtime import Backoff, Clock
from sluis.runtime.waiting import within

log = logging.getLogger(__name__)

STEADY_S = 30.0
"""A connection that held this long starts the back-off anew."""

Arrived = Callable[[str, bytes], None]
"""Source (`ADDRESS/uuid`) and value."""


@dataclass(slots=True, eq=False)
class Device:
    """One device that is, was or will be connected."""

    address: str
    turn: Slots = field(default_factory=lambda: Slots(1))
    peer: BlePeer | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    notifying: set[str] = field(default_factory=set)
    kept: bool = False
    """It is to notify: not closed for being idle."""
    used_us: int = 0
    problem: str = ""
    """Why it is not connected though it is to notify."""

    def standing(self) -> BlePeer:
        """Its connection. LinkError when that was lost meanwhile."""
        if self.peer is None:
            raise LinkError(f"{self.address}: the connection was lost")
        return self.peer


class Peers:
    """Of one adapter. `run` keeps those connected that are to notify."""

    def __init__(self, backend: BleBackend, settings: BleSettings, clock: Clock, arrived: Arrived) -> None:
        self.slots = Slots(settings.connections)
        self.pairing: Mapping[str, Pairing] = {}
        """Address -> how it is paired, for the devices that are paired when they are connected."""
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._arrived = arrived
        self._keeping = Slots(max(1, settings.connections - 1))
        self._connecting = Slots(1)
        self._devices: dict[str, Device] = {}
        self._wanted: dict[str, frozenset[str]] = {}
        self._changed = asyncio.Event()
        self._heard: dict[str, asyncio.Event] = {}

    # -- what the link uses -------------------------------------------------------------------------------

    def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """The characteristics that are to notify, by address."""
        self._wanted = dict(wanted)
        self._changed.set()

    def heard(self, address: str) -> None:
        """An advertisement of the device came: it can be connected to now."""
        waiting = self._heard.get(address)
        if waiting is not None:
            waiting.set()

    @asynccontextmanager
    async def connected(self, address: str) -> AsyncIterator[Device]:
        """The device, connected, for as long as the context lasts; nobody else uses it meanwhile."""
        device = self._devices.setdefault(address, Device(address))
        try:
            async with device.turn.one():
                if device.peer is None:
                    await self._connect_in_time(device)
                try:
                    yield device
                finally:
                    device.used_us = self._clock.stamp().mono_us
                    if device.peer is not None and not device.peer.alive:
                        self._ended(device, device.peer)
        finally:
            if self.slots.awaited:
                await self._close_idle()

    async def notify(self, device: Device, uuid: str) -> None:
        """Have a characteristic notify; within `connected`."""
        if uuid not in device.notifying:
            source = f"{device.address}/{uuid}"
            await device.standing().notify(uuid, lambda data: self._arrived(source, data))
            device.notifying.add(uuid)

    async def answers(self) -> bool:
        """Whether a device that is connected answers: then the adapter works, though it hears no advertisement."""
        for device in tuple(self._devices.values()):
            async with device.turn.one():
                if device.peer is not None and await device.peer.answers():
                    return True
        return False

    def drop(self) -> None:
        """The adapter has lost all its connections."""
        for device in tuple(self._devices.values()):
            self._ended(device, device.peer)

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(self._close(device) for device in tuple(self._devices.values())))

    def notes(self) -> dict[str, Any]:
        held = [device.address for device in self._devices.values() if device.peer is not None]
        problems = [f"{one.address}: {one.problem}" for one in self._devices.values() if one.problem]
        return {
            "slots": self.slots.count,
            "connected": ", ".join(held),
            "waiting": self.slots.awaited,
            "not_notifying": "; ".join(problems),
        }

    # -- connections --------------------------------------------------------------------------------------

    async def _connect_in_time(self, device: Device) -> None:
        try:
            await within(self._clock, self._settings.connect_timeout_s, self._connect(device))
        except TimeoutError:
            taken = f"; all {self.slots.count} connections are in use" if not self.slots.free else ""
            raise LinkError(f"{device.address}: no connection in time{taken}") from None

    async def _connect(self, device: Device) -> None:
        if not self.slots.free:
            await self._close_idle()
        await self.slots.take()
        peer: BlePeer | None = None
        try:
            device.ended = asyncio.Event()
            async with self._connecting.one():
                peer = await self._backend.connect(
                    device.address, pairing=self.pairing.get(device.address), lost=lambda: self._ended(device, peer)
                )
            if not peer.alive:
                raise LinkError(f"{device.address}: the connection was lost at once")
            device.peer = peer
        except BaseException:
            self.slots.give()
            raise

    def _ended(self, device: Device, peer: BlePeer | None) -> None:
        """The connection ended, whoever ended it. Called more than once for some."""
        if peer is not None and device.peer is peer:
            device.peer = None
            device.notifying.clear()
            self.slots.give()
            device.ended.set()

    async def _close(self, device: Device) -> None:
        peer = device.peer
        if peer is not None:
            await peer.close()
            self._ended(device, peer)

    async def _close_idle(self) -> None:
        """End the connection that is unused for longest, if there is one."""
        idle = [one for one in self._devices.values() if one.peer is not None and one.turn.free and not one.kept]
        if idle:
            device = min(idle, key=lambda one: one.used_us)
            async with device.turn.one():
                await self._close(device)

    # -- keeping ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_idle())
            keeping: dict[str, tuple[frozenset[str], asyncio.Task[None]]] = {}
            while True:
                self._changed.clear()
                for address, (uuids, task) in tuple(keeping.items()):
                    if self._wanted.get(address) != uuids:
                        task.cancel()
                        del keeping[address]
                for address, uuids in self._wanted.items():
                    if address not in keeping:
                        keeping[address] = uuids, group.create_task(self._keep(address, uuids))
                await self._changed.wait()

    async def _end_idle(self) -> None:
        while True:
            await self._clock.sleep(self._settings.idle_s / 2)
            before_us = self._clock.stamp().mono_us - int(self._settings.idle_s * 1e6)
            for device in tuple(self._devices.values()):
                if device.peer is not None and device.turn.free and not device.kept and device.used_us < before_us:
                    async with device.turn.one():
                        await self._close(device)

    async def _keep(self, address: str, uuids: Iterable[str]) -> None:
        """Keep a device connected and notifying, for ever."""
        device = self._devices.setdefault(address, Device(address))
        backoff = Backoff(first_s=1.0, cap_s=self._settings.retry_cap_s)
        device.problem = "waiting for a free connection"
        try:
            while True:
                began_us = self._clock.stamp().mono_us
                async with self._keeping.one():
                    notified = await self._notify_until_ended(device, uuids)
                if notified and self._clock.stamp().mono_us - began_us > STEADY_S * 1e6:
                    backoff.reset()
                await self._clock.sleep(backoff.next_s())
                if not notified:
                    await self._until_heard(address)
        finally:
            device.kept, device.problem = False, ""
            self._heard.pop(address, None)

    async def _notify_until_ended(self, device: Device, uuids: Iterable[str]) -> bool:
        """Whether it did notify."""
        try:
            device.kept = True
            async with self.connected(device.address):
                for uuid in sorted(uuids):
                    await self.notify(device, uuid)
                ended = device.ended
            device.problem = ""
            await ended.wait()
            device.problem = "the connection was lost"
        except LinkError as error:
            device.problem = str(error)
            log.debug("%s: not notifying: %s", device.address, error)
            return False
        return True

    async def _until_heard(self, address: str) -> None:
        """Most devices that do not answer are asleep or away: as soon as one is heard it is worth another try."""
        heard = self._heard[address] = asyncio.Event()

        async def listen() -> None:
            await heard.wait()

        with contextlib.suppress(TimeoutError):
            await within(self._clock, self._settings.retry_cap_s, listen())
