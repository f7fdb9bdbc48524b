"""What a rule can look for. Each condition is a predicate over what is remembered of a subject.

`holds` answers True, False, or None for *cannot tell* (the value is stale, bad, or behind a dead carrier). Cannot
tell never opens an alert and never closes one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from sluis.model import Availability, Quality, Value
from sluis.rules.agreement import is_number
from sluis.rules.memory import Heard, Memory, Observation, Sample

SLOTS = 32
"""Samples a rate condition keeps per window. Fewer and the window's edge is coarser than 3 % of its length; more
costs memory per point for accuracy nobody can see."""


@dataclass(frozen=True, slots=True)
class _Condition:
    scope: ClassVar[str] = "point"

    def note(self, memory: Memory, observation: Observation, now_us: int) -> Memory:
        """What this condition must remember beyond the last value."""
        return memory

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        raise NotImplementedError

    def due(self, memory: Memory, is_open: bool) -> int | None:
        """Monotonic µs at which time alone can change the answer."""
        return None


@dataclass(frozen=True, slots=True)
class Above(_Condition):
    """The value is above `limit`; once open it stays so until the value is at or under `clear`."""

    limit: float
    clear: float | None = None

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        value = _number(memory)
        if value is None:
            return None
        return value > (self.clear if is_open and self.clear is not None else self.limit)


@dataclass(frozen=True, slots=True)
class Below(_Condition):
    """The value is below `limit`; once open it stays so until the value is at or over `clear`."""

    limit: float
    clear: float | None = None

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        value = _number(memory)
        if value is None:
            return None
        return value < (self.clear if is_open and self.clear is not None else self.limit)


@dataclass(frozen=True, slots=True)
class Equals(_Condition):
    """The value is this one (a switch, a choice, a text)."""

    value: Value

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        if not memory.fresh:
            return None
        if is_number(self.value) and is_number(memory.value):
            return self.value == memory.value
        return type(memory.value) is type(self.value) and memory.value == self.value


@dataclass(frozen=True, slots=True)
class Absent(_Condition):
    """No good reading for `for_s` seconds."""

    for_s: float

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        if memory.blocked:
            return None
        if is_open:
            # Only a reading ends silence; a carrier that went and came back does not.
            return memory.seen_us is None or now_us >= memory.seen_us + int(self.for_s * 1e6)
        return now_us >= self._ends_us(memory)

    def due(self, memory: Memory, is_open: bool) -> int | None:
        return None if is_open or memory.blocked else self._ends_us(memory)

    def _ends_us(self, memory: Memory) -> int:
        since = memory.began_us if memory.seen_us is None else max(memory.began_us, memory.seen_us)
        return since + int(self.for_s * 1e6)


@dataclass(frozen=True, slots=True)
class Change(_Condition):
    """The value rises (`way` 1), falls (-1) or moves either way (0) by more than `by` within `within_s` seconds."""

    by: float
    within_s: float
    way: int = 0

    def note(self, memory: Memory, observation: Observation, now_us: int) -> Memory:
        horizon = now_us - int(self.within_s * 1e6)
        lows = tuple(sample for sample in memory.lows if sample[0] > horizon)
        highs = tuple(sample for sample in memory.highs if sample[0] > horizon)
        value = _number(memory) if isinstance(observation, Heard) else None
        if value is not None:
            slot_us = max(1, int(self.within_s * 1e6 / SLOTS))
            lows = _extreme(lows, (now_us, value), slot_us)
            highs = tuple((at, -low) for at, low in _extreme(_negated(highs), (now_us, -value), slot_us))
        return replace(memory, lows=lows, highs=highs)

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        value = _number(memory)
        if value is None:
            return None
        rise = value - memory.lows[0][1] if memory.lows else 0.0
        fall = memory.highs[0][1] - value if memory.highs else 0.0
        return (self.way >= 0 and rise > self.by) or (self.way <= 0 and fall > self.by)

    def due(self, memory: Memory, is_open: bool) -> int | None:
        oldest = [samples[0][0] for samples in (memory.lows, memory.highs) if samples]
        return min(oldest) + int(self.within_s * 1e6) if is_open and memory.fresh and oldest else None


@dataclass(frozen=True, slots=True)
class Stuck(_Condition):
    """Readings keep coming, and for `for_s` seconds none differed by more than `tolerance`."""

    for_s: float
    tolerance: float = 0.0

    def note(self, memory: Memory, observation: Observation, now_us: int) -> Memory:
        if not isinstance(observation, Heard) or not memory.fresh or self._same(memory.anchor, memory.value):
            return memory
        return replace(memory, anchor=memory.value, anchor_us=now_us)

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        if not memory.fresh or memory.anchor is None:
            return None
        return now_us >= memory.anchor_us + int(self.for_s * 1e6)

    def due(self, memory: Memory, is_open: bool) -> int | None:
        if is_open or not memory.fresh or memory.anchor is None:
            return None
        return memory.anchor_us + int(self.for_s * 1e6)

    def _same(self, one: Value | None, other: Value | None) -> bool:
        if is_number(one) and is_number(other):
            return abs(one - other) <= self.tolerance
        return type(one) is type(other) and one == other


@dataclass(frozen=True, slots=True)
class Poor(_Condition):
    """The quality is `worst` or worse (a stale reading is bad)."""

    worst: Quality = Quality.BAD

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        if memory.quality is None or memory.blocked:
            return None
        return memory.quality >= self.worst


@dataclass(frozen=True, slots=True)
class Unreachable(_Condition):
    """The device is `offline`, `unheard` (nobody knows, and nothing explains it) or `not-back` (unheard since its
    carrier came back). Behind a dead carrier nobody can tell: the carrier's own alert speaks."""

    scope: ClassVar[str] = "device"
    how: str = "offline"

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        if memory.availability is None or memory.blocked:
            return None
        if memory.availability is Availability.ONLINE:
            return False
        if is_open:
            return True
        if self.how == "offline":
            return memory.availability is Availability.OFFLINE
        return memory.availability is Availability.UNKNOWN and memory.returned is (self.how == "not-back")


@dataclass(frozen=True, slots=True)
class Happens(_Condition):
    """A fact that others find. `what` is one of `HAPPENINGS`."""

    what: str

    @property
    def scope(self) -> str:  # type: ignore[override]  # depends on what happens
        return HAPPENINGS[self.what]

    def holds(self, memory: Memory, now_us: int, is_open: bool) -> bool | None:
        return memory.present


HAPPENINGS = {
    "disagreement": "point",
    "not-effective": "point",
    "flood": "device",
    "driver-fault": "device",
    "link-down": "house",
    "disk-full": "house",
    "clock-distrusted": "house",
    "rules-broken": "house",
    "notify-failing": "house",
    "part-failing": "house",
}
"""What can happen, and to what kind of subject."""

Condition = Above | Below | Equals | Absent | Change | Stuck | Poor | Unreachable | Happens


def _number(memory: Memory) -> float | None:
    """The value as a number, when it is fresh and one."""
    return float(memory.value) if memory.fresh and is_number(memory.value) else None


def _extreme(samples: tuple[Sample, ...], new: Sample, slot_us: int) -> tuple[Sample, ...]:
    """A sliding-window minimum: drop what can no longer be the smallest, at most one sample per slot."""
    kept = list(samples)
    while kept and kept[-1][1] >= new[1]:
        kept.pop()
    if not kept or new[0] - kept[-1][0] >= slot_us:
        kept.append(new)
    return tuple(kept)


def _negated(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple((at, -value) for at, value in samples)
