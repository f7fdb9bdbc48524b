"""What frames say once decoded: readings, occurrences and presence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

Value = bool | int | float | str
"""One value of one point. Structured values do not exist: they are several points."""


class Quality(IntEnum):
    """How far a value can be relied on (order matters: larger is worse)."""

    GOOD = 0
    UNCERTAIN = 1
    """Received, but outside its plausible range or rate of change; the raw value is kept."""
    BAD = 2
    """Not a measurement: the device says its sensor failed, or the value is stale."""

    @property
    def word(self) -> str:
        return self.name.lower()


class Availability(StrEnum):
    """Whether a device can be reached. *Unknown* differs from *offline*: nobody knows, e.g. a parent is down."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """A point's value, with quality. The driver makes it; intake adds device and stamp."""

    point: str
    value: Value
    quality: Quality = Quality.GOOD
    at_us: int | None = None
    """The device's own time of measurement, microseconds since 1970 UTC, where the frame carries one."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something happened that has no state: a button press, a motion burst, a scanned tag."""

    point: str
    what: str
    """Which kind of happening, e.g. `single`, `double`, `hold`."""


@dataclass(frozen=True, slots=True)
class Presence:
    """The device (or its bridge, or its will) says whether it can be reached.

    `native_id` names another device than the one the frame was routed to (a bridge speaking for a child).
    A device with several availability sources names this one in `source` and all of them in `sources`; the twin
    keeps the last word of each and joins them by `mode`: `all` (every source must say online), `any` (one is
    enough), `latest` (the last word counts).
    """

    availability: Availability
    native_id: str | None = None
    reason: str = ""
    source: str = ""
    sources: tuple[str, ...] = ()
    mode: str = "latest"
