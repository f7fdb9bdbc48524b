"""A supervised driver host: the drivers of one source (a drop-in file, an installed package) in a process of their own.

Theory of operation. Calls of `decode` and `sniff` are answered on the spot, with a hard deadline, because intake is
synchronous and keeps order. A call that is not answered ends the process; until it is back (back-off, 0.5 s and longer
each time), calls fail at once and cost nothing. After `PARK_AFTER` falls it stays down until its file changes or the
gateway restarts. So the worst driver there is costs the gateway's event loop `PARK_AFTER` times `DEADLINE_S` in all,
and its own devices their frames: each counts as a driver fault of its device, which opens an alert.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sluis.hosted import messages as m
from sluis.hosted.fallen import Fallen, HostDown
from sluis.hosted.life import Life
from sluis.hosted.proxy import proxy
from sluis.model import Command
from sluis.runtime import Clock
from sluis.runtime.supervisor import Backoff
from sluis.sdk import Driver
from sluis.sdk.driver import Link

log = logging.getLogger(__name__)

PARK_AFTER = 5
"""Falls in a row after which a host stays down. Smaller and a Pi that was short of memory for some seconds loses a
sound driver; larger and a driver that hangs on every frame stops the loop more often, to no use."""

STEADY_S = 600.0
"""A life this long was healthy: the falls before it are forgotten. Smaller and a frame that kills the host every minute
goes on for ever; larger and two accidents in a week count as one series."""

ORDINARY_S = 0.005
"""A call up to here is ordinary; what is longer is taken from the host's allowance."""

SLOW_S = 1.0
"""Allowance for slow calls: at once, and with it `SLOW_PER_S` for each second that passes. A driver that uses more is
treated as one that hangs. Without this a driver that always answers just before the deadline would hold the loop."""

SLOW_PER_S = 0.05

Answer = TypeVar("Answer", bound=m.Message)


class Host:
    """One source's host. `start`, then `run` for as long as it is wanted, then `close`."""

    def __init__(self, what: m.Load, clock: Clock, on_change: Callable[[Host], None] = lambda host: None) -> None:
        self.source = what.name
        self.families: tuple[m.Family, ...] = ()
        self.reason = ""
        """Why it is down; "" when it is up."""
        self.parked = False
        self.what = what
        self.decoded = 0
        """Frames decoded to something since it was loaded, or since its driver last failed."""
        self._clock = clock
        self._on_change = on_change
        self._life: Life | None = None
        """The process to ask; None while it is down."""
        self._body: Life | None = None
        """The process to look after: `_life`, or what is left of it."""
        self._falls = 0
        self._backoff = Backoff()
        self._closed = asyncio.Event()
        self._slow_s = SLOW_S
        self._slow_at = time.monotonic()

    # -- its life -----------------------------------------------------------------------------------------

    async def start(self) -> list[type[Driver]]:
        """Start the process and load the drivers; their proxies. Raises what the driver raises while it is imported."""
        await self._launch()
        return [proxy(self, family) for family in self.families]

    async def run(self) -> None:
        """Keep it alive until `close`."""
        while not self._closed.is_set():
            if self._body is not None:
                await self._live(self._body)
            elif self.parked:
                await self._closed.wait()
            else:
                await self._again()

    async def _live(self, life: Life) -> None:
        listening = asyncio.ensure_future(life.acts.listen())
        ending = asyncio.ensure_future(life.over.wait())
        try:
            await asyncio.wait((listening, ending), return_when=asyncio.FIRST_COMPLETED)
            if not self._closed.is_set():
                self.fell("its process ended")
            await asyncio.to_thread(life.process.wait)
        finally:
            listening.cancel()
            ending.cancel()
            await asyncio.gather(listening, ending, return_exceptions=True)
            life.close()
            self._body = None

    async def _again(self) -> None:
        await self._clock.sleep(self._backoff.next_s())
        if self._closed.is_set():
            return
        try:
            await self._launch()
        except Exception as error:  # it loaded before; whatever it is, it is one more fall
            self._count(str(error))
        else:
            log.warning("driver host of %s is back", self.source)
            self._on_change(self)

    async def _launch(self) -> None:
        life = Life(self.source, self.what.needed.limits)
        try:
            self.families = await life.load(self.what)
        except BaseException:
            life.close()
            raise
        if self._closed.is_set():
            life.close()
            return
        self._life = self._body = life
        self.reason, self._slow_s = "", SLOW_S

    def fell(self, reason: str) -> None:
        """End this life. Once per life, whoever notices first."""
        life, self._life = self._life, None
        if life is None:
            return
        life.kill()
        if time.monotonic() - life.began > STEADY_S:
            self._falls = 0
            self._backoff.reset()
        self._count(reason)

    def _count(self, reason: str) -> None:
        self._falls += 1
        self.reason = reason
        self.parked = self._falls >= PARK_AFTER
        if self.parked:
            log.error("driver host of %s stays down after %d falls: %s", self.source, self._falls, reason)
        else:
            log.warning("driver host of %s fell: %s", self.source, reason)
        self._on_change(self)

    def park(self, reason: str) -> None:
        """Stay down: its version is put aside, and there is none to take over."""
        self._falls = PARK_AFTER
        if self._life is not None:
            self.fell(reason)
        else:
            self.parked, self.reason = True, reason

    def close(self) -> None:
        """For good. `run` returns soon after."""
        self._closed.set()
        self._life = None
        self.reason = self.reason or "its driver was replaced or removed"
        if self._body is not None:
            self._body.close()

    # -- calls --------------------------------------------------------------------------------------------

    def alive(self) -> Life:
        """The present life. HostDown while there is none."""
        if self._life is None:
            raise HostDown(f"the driver host of {self.source} is down: {self.reason}", hint="sluis driver list")
        return self._life

    def call(self, request: m.Message, expected: type[Answer]) -> Answer:
        """Ask the host. Raises what the driver raises; HostDown when it is down, Fallen when it falls over this."""
        life = self.alive()
        began = time.monotonic()
        try:
            return life.call(request, expected)
        except Fallen as error:
            self.fell(str(error))
            raise
        finally:
            self._spend(began)

    def _spend(self, began: float) -> None:
        now = time.monotonic()
        over_s = now - began - ORDINARY_S
        if over_s <= 0:
            return
        self._slow_s = min(SLOW_S, self._slow_s + (now - self._slow_at) * SLOW_PER_S) - over_s
        self._slow_at = now
        if self._slow_s < 0:
            self.fell("its driver is too slow")

    async def perform(self, number: int, link: Link, command: Command) -> None:
        """A command, step by step."""
        life = self.alive()
        await self._stepped(life, life.acts.perform(number, link, command))

    async def poll(self, number: int, link: Link) -> None:
        """A poll, step by step."""
        life = self.alive()
        await self._stepped(life, life.acts.poll(number, link))

    async def _stepped(self, life: Life, steps: Coroutine[Any, Any, None]) -> None:
        try:
            await steps
        except Fallen as error:
            if life is self._life:
                self.fell(str(error))
            raise
