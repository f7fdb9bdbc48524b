"""One device in memory: its driver instance, twin, point ids, counters and last frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from sluis.model import Device, Frame, Point, Stamp
from sluis.sdk import Driver
from sluis.twins import Twin

OWN_CLOCK_US = 3_600_000_000
"""How long one hour's best comparison with a device's clock is kept at least. Shorter and a device that sends what it
saved up during an outage seems hours behind; longer and a clock that was set right is still called wrong."""


@dataclass(slots=True)
class OwnClock:
    """How far a device's own clock is ahead of ours (behind: negative), by the times in its frames.

    A frame may have waited (in the device, in a broker), which makes its clock seem behind, never ahead. So the most
    that was seen in this hour and the one before is the truth, give or take the way here.
    """

    off_us: int | None = None
    """The most of this hour."""
    before_us: int | None = None
    """The most of the hour before it."""
    began_us: int = 0
    """Monotonic."""

    def note(self, own_us: int, stamp: Stamp) -> None:
        """A frame that says that it was made at `own_us` arrived."""
        if not stamp.trusted:
            return
        off_us = own_us - stamp.at_us
        if self.off_us is None or off_us > self.off_us:
            self.off_us = off_us
        if stamp.mono_us - self.began_us >= OWN_CLOCK_US:
            self.before_us, self.off_us, self.began_us = self.off_us, off_us, stamp.mono_us

    @property
    def most_us(self) -> int | None:
        known = [one for one in (self.off_us, self.before_us) if one is not None]
        return max(known, default=None)


@dataclass(slots=True)
class FrameCounters:
    """What arrived from one device since the gateway started."""

    received: int = 0
    decoded: int = 0
    not_mine: int = 0
    bad: int = 0
    duplicates: int = 0
    flooded: int = 0
    faults: int = 0
    """Frames on which the driver itself failed."""
    last_at: Stamp | None = None
    own_clock: OwnClock = field(default_factory=OwnClock)

    @property
    def clock_off_s(self) -> float | None:
        """How far the device's own clock is ahead of ours; None where its frames do not tell."""
        most_us = self.own_clock.most_us
        return None if most_us is None else most_us / 1e6


@dataclass(slots=True)
class Allowance:
    """A token bucket: `rate_per_s` for long, `burst` at once."""

    rate_per_s: float
    burst: float
    level: float = field(init=False)
    at_us: int = 0

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self, now_us: int) -> bool:
        """Use one; False when there is none left."""
        self.level = min(self.burst, self.level + (now_us - self.at_us) * self.rate_per_s / 1e6)
        self.at_us = now_us
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass(slots=True, eq=False)
class Entry:
    """Everything intake holds about one device. `driver` is None while its driver is not installed."""

    device: Device
    driver: Driver | None
    twin: Twin
    points: Mapping[str, Point]
    point_ids: dict[str, int]
    allowance: Allowance
    frames: deque[tuple[Frame, str]]
    counters: FrameCounters = field(default_factory=FrameCounters)
    fault: str = ""
    """Why the driver does not work for this device; "" when it does."""
    identifies: bool = False
    """Whether the driver can tell a frame sent twice."""
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the device is written and brought into use: what was decided last is also written last."""
