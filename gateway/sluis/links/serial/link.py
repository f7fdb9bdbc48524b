"""The serial link: one port, found by what it is, opened, lost, healed; an exchange on it that its devices share.

Theory of operation. `run` finds the port (`finding`), opens it (`wire`) and waits until it is lost. Then it lets go of
the port at once (a held one makes the kernel give the adapter another number), waits until the adapter is there again,
and climbs the ladder: open the same port, find the port anew, reset the adapter. When the top does not help either the
port is marked failed and tried again with growing pauses. A port that cannot be had for a reason that no reset cures
(missing, swapped, busy, not permitted) is only waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sluis.links.exchange import Exchange
from sluis.links.loop import LoopLink
from sluis.links.serial.finding import Finder, Memory
from sluis.links.serial.ports import Found, usb_ports
from sluis.links.serial.problem import PortProblem
from sluis.links.serial.reset import reset_usb
from sluis.links.serial.settings import SerialSettings
from sluis.links.serial.wire import Ears, Wire, gone, open_wire
from sluis.model import Frame, LinkError
from sluis.runtime import Clock, Rung
from sluis.runtime.supervisor import Backoff
from sluis.sdk import Station

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often a missing adapter is looked for."""

STEADY_S = 0.5
"""A port that stays open for so long has been opened."""

DEAF = 10
"""Questions in a row without a single byte after which the port itself is suspected: an adapter can hang while its
port stays open. Fewer and one dead device on a line of its own has the port reopened for nothing."""

BACK_WITHIN_S = 10.0
"""An adapter that was reset is to be there again, with its rights, within this time: its driver in the kernel starts
anew, and then udev. Shorter and on a busy Pi a reset that helped counts as one that did not."""

HEARS_WITHIN_S = 8.0
"""After a cure for deafness a byte has to come within this time, while the devices are being asked."""


class SerialLink(LoopLink):
    """Sources are `NAME/ADDRESS`."""

    kind: ClassVar[str] = "serial"

    def __init__(
        self,
        settings: SerialSettings,
        clock: Clock,
        memory: Memory | None = None,
        *,
        ports: Callable[[], Sequence[Found]] = usb_ports,
        reset: Callable[[Path], None] = reset_usb,
    ) -> None:
        super().__init__(settings.name, clock, address=settings.port)
        self.state = "closed"
        """`closed`, `open`, `healing`, or the state of a PortProblem."""
        self.exchange = Exchange(self._ready, self._write, self._deliver, settings.pace(), raw_source=settings.name)
        self._settings = settings
        self._finder = Finder(settings, memory or Memory(), ports)
        self._reset = reset
        self._found: Found | None = None
        self._wire: Wire | None = None
        self._lost = asyncio.Event()
        self._loss = ""
        self._refused: PortProblem | None = None
        """Why the port did not open last time."""
        self._backoff = Backoff(cap_s=settings.reconnect_cap_s)
        rungs = [Rung("reopen", self._reopen)]
        if not settings.remote:
            rungs += [Rung("find", self._find_and_open), Rung("usb-reset", self._usb_reset)]
        self._cures = self._make_ladder(*rungs)

    # -- what drivers and intake use ----------------------------------------------------------------------

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        await self._ready()
        await self.exchange.tell(to, data)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        await self._ready()
        return await self.exchange.ask(to, data, timeout_s)

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        super().set_stations(stations)
        self.exchange.set_stations(stations)

    def notes(self) -> Mapping[str, Any]:
        found = self._found
        said: dict[str, Any] = {"state": self.state, "device": found.device if found else ""}
        if found is not None and found.usb is not None:
            said |= {"adapter": found.usb.text, "place": found.usb.place, "words": found.words}
        return {**said, **self.exchange.notes()}

    # -- the life of the port -----------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            while True:
                if self._wire is None and not await self._try():
                    await self._clock.sleep(self._pause_s())
                    continue
                await self._until_lost()
                await self._recover()
        finally:
            await self._let_go()
            self.state = "closed"
            self._went_down("stopped")

    async def _try(self) -> bool:
        """Find and open."""
        try:
            await self._find_and_open()
        except PortProblem as problem:
            self._down(problem)
            return False
        return True

    def _pause_s(self) -> float:
        """A port that is not there is looked for often: nothing is disturbed by looking."""
        return LOOK_S if self.state in ("missing", "ambiguous", "swapped") else self._backoff.next_s()

    def _down(self, problem: PortProblem) -> None:
        self.state = problem.state
        self._went_down(str(problem))

    async def _until_lost(self) -> None:
        """Returns when the port is gone, or deaf for longer than its devices can explain."""
        opened, suspected = self._clock.stamp().mono_us, False
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await self._lost.wait()
            except TimeoutError:
                pass
            if self._clock.stamp().mono_us - opened > 10e6:
                self._backoff.reset()
            deaf = self.exchange.silent_in_a_row >= DEAF
            if deaf and not suspected and self.exchange.heard.is_set():
                await self._cures.climb(self._hears)
                if self._wire is None:
                    self._port_lost("it did not open again")
            suspected = deaf

    async def _recover(self) -> None:
        """The port was lost: let go, wait until its adapter is there, and climb the ladder."""
        reason = self._loss
        await self._let_go()
        self.state = "healing"
        self._went_down(reason)
        while not self._settings.remote:
            try:
                self._found = await asyncio.to_thread(self._finder.find)
                break
            except PortProblem as problem:
                self._down(problem)
                await self._clock.sleep(LOOK_S)
        await self._clock.sleep(self._settings.settle_s)
        self.state = "healing"
        if not await self._cures.climb(self._stays_open):
            await self._let_go()
            self.state, self.rung = "failed", "failed"

    async def _stays_open(self) -> bool:
        try:
            async with asyncio.timeout(STEADY_S):
                await self._lost.wait()
            return False
        except TimeoutError:
            return self._wire is not None

    async def _hears(self) -> bool:
        """Whether bytes come in again."""
        self.exchange.heard.clear()
        try:
            async with asyncio.timeout(HEARS_WITHIN_S):
                await self.exchange.heard.wait()
        except TimeoutError:
            return False
        return True

    # -- rungs --------------------------------------------------------------------------------------------

    async def _reopen(self) -> None:
        """The port where it was."""
        await self._let_go()
        if self._found is None:
            raise PortProblem("missing", "the port was never found")
        await self._open(self._found)

    async def _find_and_open(self) -> None:
        """The adapter, wherever it is now."""
        await self._let_go()
        await self._open(await asyncio.to_thread(self._finder.find))

    async def _usb_reset(self) -> None:
        """Only for a port that fails: a program that holds it, or a right that is missing, is not cured by it."""
        await self._let_go()
        if self._found is None or self._found.reset_path is None:
            raise PortProblem("failed", "this port is no USB adapter")
        if self._refused is not None and self._refused.state != "failed":
            raise PortProblem(self._refused.state, f"not reset: {self._refused}")
        await asyncio.to_thread(self._reset, self._found.reset_path)
        back_until_us = self._clock.stamp().mono_us + BACK_WITHIN_S * 1e6
        while True:
            try:
                await self._find_and_open()
                return
            except PortProblem:
                if self._clock.stamp().mono_us > back_until_us:
                    raise
            await self._clock.sleep(LOOK_S)

    # -- the wire -----------------------------------------------------------------------------------------

    async def _open(self, found: Found) -> None:
        self._lost.clear()
        self._loss = ""
        try:
            wire = await open_wire(found.device, self._settings, Ears(self._heard, self._port_lost))
        except PortProblem as problem:
            self._refused = problem
            raise
        self._wire, self._found, self._refused = wire, found, None
        self.state = "open"
        self.exchange.connected()
        self._came_up()

    def _heard(self, data: bytes) -> None:
        self.exchange.feed(data)

    def _port_lost(self, reason: str) -> None:
        self._loss = f"{self._found.device if self._found else self._settings.port} was lost: {reason}"
        self.exchange.lost(f"{self.name}: {self._loss}")
        self._lost.set()

    async def _let_go(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
            self.exchange.lost(f"{self.name}: {self._loss or 'the port was closed'}")

    async def _ready(self) -> None:
        if not self.up or self._wire is None or self._lost.is_set():
            raise LinkError(f"{self.name} is down: {self._reason or self._loss or self.state}")

    async def _write(self, data: bytes) -> None:
        if self._wire is None:
            raise gone()
        try:
            await self._wire.write(data)
        except LinkError as error:
            self._loss = self._loss or str(error)
            self._lost.set()
            raise
        self._sent += 1
