"""One device's twin.

Theory of operation. Readings and silence go in, events come out; time is an argument. A reading that cannot
be true (outside its range, or changed faster than it can) is kept with quality *uncertain*. Silence longer than
`STALE_AFTER` times a point's expected interval makes its reading *stale*: quality bad, and said once. What a
device says about itself wins over what silence suggests; what a dead parent implies wins over both, and when
the parent is back the device is unknown until it is heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sluis.model import (
    Availability,
    AvailabilityChanged,
    Event,
    Implausible,
    Kind,
    Point,
    Presence,
    Quality,
    Reading,
    ReadingChanged,
    Stamp,
    Value,
)

STALE_AFTER = 2.5
"""Silence of this many expected intervals makes a reading stale. Two would call a device stale for one lost
message and a little jitter; four would show a dead sensor's value as fresh for most of a minute at 10 s."""


SILENCE = "silence"
"""The reason of a device that is offline only because nothing comes from it any more."""


@dataclass(slots=True)
class Reported:
    """What a point last said."""

    value: Value
    quality: Quality
    stamp: Stamp
    stale: bool = False


@dataclass(slots=True)
class Desired:
    """What somebody wants of a point."""

    value: Value
    since: Stamp
    command_id: str


class Twin:
    """`reported`, `desired` and availability of one device."""

    def __init__(self, device: str, points: Iterable[Point], now: Stamp) -> None:
        self.device = device
        self.points: Mapping[str, Point] = {}
        self.reported: dict[str, Reported] = {}
        self.desired: dict[str, Desired] = {}
        self.availability = Availability.UNKNOWN
        self.reason = "not heard yet"
        self.since = now
        self.heard_at: Stamp | None = None
        self._sources: dict[str, Availability] = {}
        self._speaks_for_itself = False
        self._blocked_by = ""
        self._stale_at: dict[str, int] = {}
        self.redeclare(points)

    def redeclare(self, points: Iterable[Point]) -> None:
        """The device offers other points now; readings of points that are gone go with them."""
        self.points = {point.key: point for point in points}
        for key in [key for key in self.reported if key not in self.points]:
            del self.reported[key]
            self._stale_at.pop(key, None)

    def restore(self, key: str, value: Value, quality: Quality, stamp: Stamp) -> None:
        """A reading remembered from before a restart: shown with its age, never as fresh."""
        if key in self.points:
            self.reported[key] = Reported(value, Quality.BAD, stamp, stale=True)

    def shown(self, key: str) -> Reported | None:
        """What a point says, as it may be shown: the last word of a device that cannot be reached is stale, whatever
        its own interval. None for nothing yet."""
        held = self.reported.get(key)
        if held is None or held.stale or self.availability is Availability.ONLINE:
            return held
        return Reported(held.value, Quality.BAD, held.stamp, stale=True)

    def apply(self, reading: Reading, stamp: Stamp) -> ReadingChanged:
        """Take a reading in. Implausible when its value is of the wrong type for the point."""
        point = self.points.get(reading.point)
        if point is None:
            raise Implausible(f"the device has no point {reading.point!r}")
        value = conform(point, reading.value)
        held = self.reported.get(reading.point)
        quality = reading.quality
        if quality is Quality.GOOD and isinstance(value, int | float) and not is_plausible(point, value, stamp, held):
            quality = Quality.UNCERTAIN
        self.reported[reading.point] = Reported(value, quality, stamp)
        if point.every_s is not None:
            self._stale_at[reading.point] = stamp.mono_us + int(point.every_s * STALE_AFTER * 1e6)
        return ReadingChanged(self.device, reading.point, value, quality, stamp, held.value if held else None)

    def heard(self, stamp: Stamp) -> AvailabilityChanged | None:
        """A live frame of the device arrived. That proves it is there, unless it said itself that it is not."""
        self.heard_at = stamp
        away = self.availability is Availability.OFFLINE
        says_no = away and self._speaks_for_itself and self.reason != SILENCE
        if self.availability is Availability.ONLINE or says_no or self._blocked_by:
            return None
        return self._become(Availability.ONLINE, "heard", stamp)

    def presence(self, presence: Presence, stamp: Stamp) -> AvailabilityChanged | None:
        """The device, its will or its bridge says whether it can be reached."""
        self._speaks_for_itself = True
        self._sources[presence.source] = presence.availability
        joined = _joined(presence, self._sources)
        if self._blocked_by:
            return None
        return self._become(joined, presence.reason or "device says so", stamp)

    def block(self, cause: str, stamp: Stamp) -> AvailabilityChanged | None:
        """What carries this device's traffic is down: nobody knows. `cause` is `link:NAME` or `parent:KEY`."""
        self._blocked_by = cause
        return self._become(Availability.UNKNOWN, f"{cause} is down", stamp)

    def unblock(self, stamp: Stamp) -> AvailabilityChanged | None:
        """What carried it is back. What the device said before is still its last word, if it said anything."""
        if not self._blocked_by:
            return None
        self._blocked_by = ""
        said = list(self._sources.values())
        if said and all(one is said[0] for one in said):
            return self._become(said[0], "back", stamp)
        return self._become(Availability.UNKNOWN, "not heard since its carrier is back", stamp)

    @property
    def blocked_by(self) -> str:
        """`link:NAME` or `parent:KEY` that is down, or ""."""
        return self._blocked_by

    def due(self) -> int | None:
        """Monotonic microsecond at which the next reading goes stale; None for never."""
        return min(self._stale_at.values(), default=None)

    def expire(self, now: Stamp) -> list[Event]:
        """Silence: readings that went stale by `now`, and what that says about the device, where it says nothing clear
        itself (mqtt-io's last word is one that it never announced)."""
        events: list[Event] = []
        for key in [key for key, at in self._stale_at.items() if at <= now.mono_us]:
            del self._stale_at[key]
            events.append(self._stale(key))
        unclear = not self._speaks_for_itself or self.availability is Availability.UNKNOWN
        if events and not self._stale_at and unclear and not self._blocked_by:
            gone = self._become(Availability.OFFLINE, SILENCE, now)
            if gone:
                events.append(gone)
        return events

    def _stale(self, key: str) -> ReadingChanged:
        held = self.reported[key]
        held.stale, held.quality = True, Quality.BAD
        return ReadingChanged(self.device, key, held.value, Quality.BAD, held.stamp, held.value, stale=True)

    def _become(self, availability: Availability, reason: str, stamp: Stamp) -> AvailabilityChanged | None:
        if availability is self.availability:
            if self.reason == SILENCE:
                self.reason = reason  # somebody knows more than that nothing comes
            return None
        self.availability, self.reason, self.since = availability, reason, stamp
        return AvailabilityChanged(self.device, availability, stamp, reason)


def _joined(presence: Presence, said: Mapping[str, Availability]) -> Availability:
    if presence.mode == "latest" or len(presence.sources) < 2:
        return presence.availability
    words = [said.get(source, Availability.UNKNOWN) for source in presence.sources]
    wanted = all if presence.mode == "all" else any
    if wanted(word is Availability.ONLINE for word in words):
        return Availability.ONLINE
    return Availability.OFFLINE if Availability.OFFLINE in words else Availability.UNKNOWN


def conform(point: Point, value: Value) -> Value:
    """`value` as the point's kind holds it. Implausible when it is of another type or not finite."""
    if point.kind is Kind.NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Implausible(f"{point.key}: {value!r} is not a number")
        # SQLite holds 64-bit integers; a larger one is no measurement of anything.
        return value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value)
    if point.kind is Kind.SWITCH:
        if not isinstance(value, bool):
            raise Implausible(f"{point.key}: {value!r} is neither on nor off")
        return value
    if not isinstance(value, str):
        raise Implausible(f"{point.key}: {value!r} is not text")
    return value


def is_plausible(point: Point, value: float, stamp: Stamp, held: Reported | None) -> bool:
    """Whether a number is inside its point's range and rate of change."""
    if point.minimum is not None and value < point.minimum:
        return False
    if point.maximum is not None and value > point.maximum:
        return False
    if point.rate_per_s is None or held is None or held.stale or not isinstance(held.value, int | float):
        return True
    elapsed_s = max((stamp.mono_us - held.stamp.mono_us) / 1e6, 0.001)
    return abs(value - held.value) <= point.rate_per_s * elapsed_s
