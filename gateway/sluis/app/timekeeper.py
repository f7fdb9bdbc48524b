"""Knows whether the wall clock can be believed, and dates early records again once it can.

A Raspberry Pi without a battery-backed clock starts in the past and jumps when NTP answers. The kernel says
whether it is synchronised (adjtimex); beyond that a clock is believed when it is not before this release was made
nor before the newest stored record, and has not jumped without the kernel calling itself synchronised.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sluis.model import Stamp
from sluis.runtime import SystemClock

log = logging.getLogger(__name__)

RELEASED_AT_US = 1_795_000_000_000_000
"""18 November 2026: no record of this version can be older."""

JUMP_US = 2_000_000
"""The wall clock moving this much more or less than the monotonic clock within one look is a jump. Smaller and
the slewing of a cheap board counts as one; larger and records could change order unnoticed."""

LOOK_EVERY_S = 1.0
STA_UNSYNC = 0x0040


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """When the wall clock is believed."""

    calm_s: float = 60.0
    """After an unexplained jump the clock is believed again when it has run steadily this long. Shorter and a clock
    that is being set step by step is believed in between; longer and a site without NTP stays undated."""


@dataclass(slots=True)
class TimeJudge:
    """Decides on trust from one look after another. Pure."""

    newest_us: int = 0
    """The newest trusted record's time; a clock before it is wrong."""
    calm_s: float = 60.0
    trusted: bool = False
    jumps: int = 0
    _last: Stamp | None = None
    _calm_since_us: int | None = None

    def look(self, now: Stamp, synchronised: bool) -> bool:
        """Whether the clock can be believed at `now`."""
        jumped = self._last is not None and abs(_drift_us(self._last, now)) > JUMP_US
        self._last = now
        if jumped:
            self.jumps += 1
            self._calm_since_us = now.mono_us
        plausible = now.at_us >= max(RELEASED_AT_US, self.newest_us)
        calm = self._calm_since_us is None or now.mono_us - self._calm_since_us >= self.calm_s * 1e6
        self.trusted = plausible and (synchronised or calm)
        if self.trusted:
            self._calm_since_us = None
        return self.trusted


def _drift_us(before: Stamp, now: Stamp) -> int:
    return (now.at_us - before.at_us) - (now.mono_us - before.mono_us)


class Timekeeper:
    """Looks every second; tells the clock, and the store when trust begins."""

    def __init__(
        self,
        clock: SystemClock,
        newest_us: int,
        redate: Callable[[Stamp], Awaitable[int]],
        settings: TimeSettings,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self.judge = TimeJudge(newest_us, settings.calm_s)
        self._clock = clock
        self._redate = redate
        self._synchronised = synchronised or is_synchronised
        clock.trusted = self.judge.look(clock.stamp(), self._synchronised())

    async def run(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Judge the clock now. The clock takes its own trust away at a jump; only here is it given back."""
        believed, judged = self._clock.trusted, self.judge.trusted
        now = self._clock.stamp()
        self._clock.trusted = self.judge.look(now, self._synchronised())
        if self._clock.trusted and not believed:
            redated = await self._redate(now)
            log.info("the clock can be believed; %d records dated again", redated)
        elif judged and not self._clock.trusted:
            log.warning("the clock jumped; records carry an untrusted time until it is steady or synchronised")


class _Timex(ctypes.Structure):
    """The head of struct timex (Linux adjtimex(2)); the rest is only room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    )


def is_synchronised() -> bool:
    """Whether the kernel says that its clock is synchronised to a reference."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False
    return state >= 0 and not timex.status & STA_UNSYNC
