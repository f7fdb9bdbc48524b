"""The clock seam. Nothing below `runtime` reads a clock; everything above asks this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from sluis.model import Stamp


class Clock(Protocol):
    """Two clocks in one: wall time for people, monotonic time for durations."""

    def stamp(self) -> Stamp: ...

    async def sleep(self, for_s: float) -> None: ...


JUMP_US = 2_000_000
"""The wall clock moving this much against the monotonic clock between two stamps is a jump, and what follows is not
trusted until whoever sets `trusted` says so. Smaller and every NTP slew of a cheap board counts as a jump; larger and
two records can change order unnoticed."""


class SystemClock:
    """The machine's clocks. A jump takes `trusted` away at the very first stamp after it; giving trust (back) is up
    to whoever knows (NTP state, calm): see `sluis.app.timekeeper`."""

    def __init__(self, *, trusted: bool = True) -> None:
        self.trusted = trusted
        self._offset_us = self.wall_us() - time.monotonic_ns() // 1000

    def stamp(self) -> Stamp:
        at_us, mono_us = self.wall_us(), time.monotonic_ns() // 1000
        offset_us = at_us - mono_us
        if not -JUMP_US < offset_us - self._offset_us < JUMP_US:
            self.trusted = False
        self._offset_us = offset_us
        return Stamp(at_us, mono_us, self.trusted)

    def wall_us(self) -> int:
        """Wall clock, microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    async def sleep(self, for_s: float) -> None:
        await asyncio.sleep(for_s)


class ManualClock:
    """A clock moved by hand: for tests and simulations. Sleepers wake in order when time passes them.

    `rest` returns when everything that can happen at this moment has happened; time passes only then. The usual one
    gives the event loop twenty turns, which is enough where nothing waits for a thread.
    """

    def __init__(
        self,
        at_us: int = 1_700_000_000_000_000,
        *,
        trusted: bool = True,
        rest: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.at_us = at_us
        self.rest = rest or _twenty_turns
        self.mono_us = 0
        self.trusted = trusted
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def stamp(self) -> Stamp:
        return Stamp(self.at_us, self.mono_us, self.trusted)

    async def sleep(self, for_s: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._sleepers.append((self.mono_us + int(for_s * 1e6), self._count, future))
        await future

    async def advance(self, by_s: float) -> None:
        """Let time pass, waking every sleeper at its own moment and letting it run."""
        end = self.mono_us + int(by_s * 1e6)
        await self.rest()
        while self._sleepers:
            self._sleepers.sort(key=lambda entry: entry[:2])
            due, _, future = self._sleepers[0]
            if due > end:
                break
            self._sleepers.pop(0)
            self._move_to(due)
            if not future.done():
                future.set_result(None)
            await self.rest()
        self._move_to(end)

    def jump(self, by_s: float) -> None:
        """Move the wall clock only, as a wrong NTP answer does."""
        self.at_us += int(by_s * 1e6)

    def _move_to(self, mono_us: int) -> None:
        self.at_us += mono_us - self.mono_us
        self.mono_us = mono_us


async def _twenty_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
