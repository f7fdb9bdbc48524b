"""One device in memory: its driver instance, twin, point ids, counters and last frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from sluis.model import Device, Frame, Point, Stamp
from sluis.sdk import Driver
from sluis.twins import Twin


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
