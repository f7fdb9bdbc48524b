"""A BLE adapter as a link: its advertisements are frames, and its devices can be read, written and made to notify.

Theory of operation. `run` scans for as long as the adapter can, and looks at it every few seconds. A state that a
person or the machine must mend (no D-Bus, no adapter) is said and waited for, ever more rarely. A state that can be
cured, and an adapter that used to hear things and hears none, climb the ladder: scan anew, a new connection to
bluetoothd, power off and on, USB reset; each step is judged by whether something is heard. When the top did not help
but the adapter scans without complaint, the air is taken to be quiet: the next time waits ever longer, until something
is heard.

Sources: `AA:BB:CC:DD:EE:FF` for an advertisement, `AA:BB:CC:DD:EE:FF/2a19` for a characteristic (4 hex digits, or 36
characters, lower-case). A source of an adopted device that names a characteristic exactly means that it is to notify;
`AA:BB:CC:DD:EE:FF/+` only lets through what was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.links.ble import pairing
from sluis.links.ble.air import Air, Heard
from sluis.links.ble.backend import BleBackend, backend_of
from sluis.links.ble.peers import Device, Peers
from sluis.links.ble.questions import Question
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState, AdapterTrouble
from sluis.links.loop import LoopLink
from sluis.model import Frame, LinkError
from sluis.runtime import Backoff, Clock, supervise
from sluis.runtime.ladder import Rung
from sluis.runtime.waiting import within
from sluis.sdk import Station
from sluis.wire.advertising import uuid16

PROBE_S = 5.0
"""How often the adapter is looked at. One question to bluetoothd each; rarer and a switched off adapter is noticed
late."""

QUIETER = 4.0
"""Each ladder in vain makes the next wait so many times longer. A radio that went deaf without a word is tried again
after minutes; in a shop whose only sensor was carried out nothing is switched off and on all night."""

QUIETEST_S = 21_600.0

STEADY_S = 30.0
"""A scan that held this long starts the back-off anew."""

STOP_WITHIN_S = 4.0
"""Longest to let go of everything when the gateway stops, which as a whole may take ten seconds."""


class BleLink(LoopLink):
    """One adapter."""

    kind: ClassVar[str] = "ble"

    def __init__(self, settings: BleSettings, clock: Clock, backend: BleBackend | None = None) -> None:
        super().__init__(settings.name, clock, address=settings.adapter)
        self.settings = settings
        self.air = Air()
        self.state = AdapterState.UNKNOWN
        self._backend = backend or backend_of(settings, clock)
        self._backend.lost = self._scan_lost
        self._peers = Peers(self._backend, settings, clock, self._told)
        self._lost = asyncio.Event()
        self._lost_reason = ""
        self._used_to_hear = False
        """Something was heard since the start. Before that silence proves nothing."""
        self._patience_s = settings.silent_after_s
        """Silence that is suspicious. Grows with every ladder that was climbed in vain."""
        self._scanned_us = self._heard_us = 0
        self._asking: dict[str, Question] = {}
        self._make_ladder(Rung("rescan", self._backend.rest), *self._backend.cures())

    # -- what drivers use ---------------------------------------------------------------------------------

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """Write a characteristic: with response where it offers that."""
        address, uuid = self._target(to)
        async with self._peers.connected(address) as device:
            await device.standing().write(uuid, data)
        self._sent += 1

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """Read a characteristic (nothing to send); or write one and wait for what `reply` ("" for `to`) notifies."""
        address, uuid = self._target(to)
        async with self._peers.connected(address) as device:
            work = self._ask(device, uuid, data, reply) if data else self._read(device, uuid)
            try:
                frame = await within(self._clock, timeout_s, work)
            except TimeoutError:
                raise LinkError(f"{self.name}: no answer from {reply or to} within {timeout_s:g} s") from None
        self._sent += 1
        return frame

    def set_filters(self, filters: frozenset[str]) -> None:
        super().set_filters(filters)
        wanted: dict[str, set[str]] = {}
        for one in filters:
            address, _, uuid = one.partition("/")
            if uuid and not set("+#") & set(one):
                wanted.setdefault(address, set()).add(uuid16(uuid))
        self._peers.want({address: frozenset(uuids) for address, uuids in wanted.items()})

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        super().set_stations(stations)
        paired = {source: pairing.told(one.settings) for source, one in stations.items()}
        self._peers.pairing = {source: how for source, how in paired.items() if how is not None}

    def heard(self) -> list[Heard]:
        """Who is in the air, the last heard first."""
        return list(self.air)

    def notes(self) -> Mapping[str, Any]:
        return {
            "state": str(self.state),
            "next_step": self.state.next_step,
            "scanning": self.settings.scanning,
            "devices": len(self.air),
            "advertisements": self.air.count,
            "repeats": self.air.repeats,
            "quiet": not self._used_to_hear or self._patience_s > self.settings.silent_after_s,
            **self._peers.notes(),
        }

    # -- scanning -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(supervise(f"{self.name}: scanning", self._live, self._clock))
                group.create_task(supervise(f"{self.name}: connections", self._peers.run, self._clock))
        finally:
            with contextlib.suppress(TimeoutError):
                await within(self._clock, STOP_WITHIN_S, self._stop())
            self._went_down("stopped")

    async def _stop(self) -> None:
        await self._peers.close()
        await self._backend.close()

    async def _live(self) -> None:
        backoff = Backoff(first_s=1.0, cap_s=self.settings.retry_cap_s)
        scanning = False
        while True:
            began_us = self._clock.stamp().mono_us
            try:
                if not scanning:
                    await self._rescan()
                self._well()
                await self._listen()
            except AdapterTrouble as trouble:
                self._troubled(trouble)
                scanning = trouble.state.curable and await self._climb()
            else:
                scanning = False
            if self._clock.stamp().mono_us - began_us > STEADY_S * 1e6:
                backoff.reset()
            if not scanning:
                await self._clock.sleep(backoff.next_s())

    async def _rescan(self) -> None:
        """Begin to scan; AdapterTrouble when that cannot be."""
        self._lost.clear()
        await self._backend.scan(self._heard)
        self._scanned_us = self._clock.stamp().mono_us

    def _well(self) -> None:
        self.state = AdapterState.WELL
        self._came_up()

    async def _listen(self) -> None:
        """Watch over a running scan until it has ended by itself. AdapterTrouble when the adapter is not well, or is
        silent."""
        every_s = min(PROBE_S, self.settings.silent_after_s / 4)
        while True:
            lost = True
            try:
                await within(self._clock, every_s, self._until_lost())
            except TimeoutError:
                lost = False
            state = await self._backend.probe()
            if state is not AdapterState.WELL:
                raise AdapterTrouble(state, self._lost_reason if lost else "")
            if lost:
                return
            if self._silent() and not await self._alive():
                raise AdapterTrouble(AdapterState.MUTE, f"nothing was heard for {self._silent_s():.0f} s")

    async def _until_lost(self) -> None:
        await self._lost.wait()

    def _scan_lost(self, reason: str) -> None:
        self._lost_reason = reason
        self._lost.set()
        self._peers.drop()

    def _silent(self) -> bool:
        """Whether it has heard nothing for suspiciously long."""
        return self._used_to_hear and self._silent_s() > self._patience_s

    async def _alive(self) -> bool:
        """Whether a connected device answers, or something was heard meanwhile after all."""
        if await self._peers.answers():
            self._heard_us = self._clock.stamp().mono_us
        return not self._silent()

    def _silent_s(self) -> float:
        since_us = max(self._scanned_us, self._heard_us)
        return (self._clock.stamp().mono_us - since_us) / 1e6

    def _troubled(self, trouble: AdapterTrouble) -> None:
        self.state = trouble.state
        self._went_down(f"{trouble}. {trouble.hint}".removesuffix(". "))

    async def _climb(self) -> bool:
        """Try the cures. False when none helped: the adapter is marked failed, or the air is quiet."""
        assert self.ladder is not None
        if await self.ladder.climb(self._works):
            return True
        # The top rung may have failed because there is none of its kind here; how things are, a scan says.
        try:
            await self._rescan()
        except AdapterTrouble as trouble:
            self._troubled(trouble)
            self.rung = "failed"
            return False
        self._patience_s = min(self._patience_s * QUIETER, QUIETEST_S)
        return True

    async def _works(self) -> bool:
        """Whether the adapter scans, and hears something if it used to."""
        await self._rescan()
        if not self._used_to_hear:
            return True
        began_us = self._clock.stamp().mono_us
        waited_s = 0.0
        while self._heard_us < began_us and waited_s < self.settings.trial_s:
            await self._clock.sleep(0.1)
            waited_s = (self._clock.stamp().mono_us - began_us) / 1e6
        return self._heard_us >= began_us

    # -- frames -------------------------------------------------------------------------------------------

    def _heard(self, address: str, data: bytes, rssi_dbm: int | None) -> None:
        stamp = self._clock.stamp()
        self._used_to_hear, self._patience_s, self._heard_us = True, self.settings.silent_after_s, stamp.mono_us
        if self.air.hear(address, data, rssi_dbm, stamp):
            self._deliver(address, data, rssi_dbm=rssi_dbm, stamp=stamp)
        self._peers.heard(address)

    def _told(self, source: str, data: bytes) -> None:
        """A characteristic notified. A device that is connected may not advertise, but it is heard all the same."""
        self._heard_us = self._clock.stamp().mono_us
        question = self._asking.get(source)
        if question is None or not question.answered_by(data):
            self._deliver(source, data)
        else:
            question.answer.set_result(self._deliver(source, data, asked=question.data))

    async def _read(self, device: Device, uuid: str) -> Frame:
        data = await device.standing().read(uuid)
        self._heard_us = self._clock.stamp().mono_us
        return self._deliver(f"{device.address}/{uuid}", data)

    async def _ask(self, device: Device, uuid: str, data: bytes, reply: str) -> Frame:
        _, answering = self._target(reply) if reply else (device.address, uuid)
        source = f"{device.address}/{answering}"
        await self._peers.notify(device, answering)
        station = self.stations.get(source) or self.stations.get(device.address)
        question = self._asking[source] = Question(data, station.framing if station else None)
        try:
            await device.standing().write(uuid, data)
            return await question.wait(device)
        finally:
            del self._asking[source]

    def _target(self, to: str) -> tuple[str, str]:
        address, _, uuid = to.partition("/")
        if not address or not uuid:
            raise LinkError(f"{self.name}: {to!r} is not ADDRESS/CHARACTERISTIC")
        if not self.up:
            raise LinkError(f"{self.name} is down: {self._reason}")
        return address.upper(), uuid16(uuid)
