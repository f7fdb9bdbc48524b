"""What the decider is told (observations) and what it remembers of one subject (memory)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sluis.model import Availability, Quality, Value

Sample = tuple[int, float]
"""(monotonic µs, value)"""


@dataclass(frozen=True, slots=True)
class Heard:
    """A reading of the point arrived, or the one we have went stale."""

    value: Value
    quality: Quality = Quality.GOOD
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the device can be reached."""

    availability: Availability
    blocked: bool = False
    """What carries its traffic is down: nobody knows, and that is not the device's fault."""
    returned: bool = False
    """Its carrier is back and the device has not been heard since."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so or is not so, found by others: a link is down, wish and report disagree."""

    present: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time passed."""


Observation = Heard | Reach | Fact | Tick


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one subject. Times are monotonic microseconds."""

    began_us: int = 0
    """When watching began: before that, silence means nothing."""
    value: Value | None = None
    """The last good value."""
    seen_us: int | None = None
    """When it was heard."""
    fresh: bool = False
    """Whether the last thing heard was good and is not stale."""
    quality: Quality | None = None
    """Of the last reading, good or not; stale counts as bad."""
    availability: Availability | None = None
    blocked: bool = False
    returned: bool = False
    present: bool | None = None
    detail: str = ""
    anchor: Value | None = None
    """Stuck: the value since which nothing changed."""
    anchor_us: int = 0
    lows: tuple[Sample, ...] = ()
    """Change: the smallest values of the window, ascending in both."""
    highs: tuple[Sample, ...] = ()


def remember(memory: Memory, observation: Observation, now_us: int) -> Memory:
    """Memory after an observation. Only a good, fresh reading becomes the value."""
    if isinstance(observation, Heard):
        if observation.stale:
            return replace(memory, fresh=False, quality=Quality.BAD)
        if observation.quality is not Quality.GOOD:
            return replace(memory, fresh=False, quality=observation.quality)
        return replace(memory, value=observation.value, seen_us=now_us, fresh=True, quality=Quality.GOOD)
    if isinstance(observation, Reach):
        return _reach(memory, observation, now_us)
    if isinstance(observation, Fact):
        return replace(memory, present=observation.present, detail=observation.detail)
    return memory


def _reach(memory: Memory, said: Reach, now_us: int) -> Memory:
    unblocked = memory.blocked and not said.blocked
    return replace(
        memory,
        availability=said.availability,
        blocked=said.blocked,
        returned=said.returned,
        fresh=memory.fresh and not said.blocked,
        # The time behind a dead carrier is nobody's silence: start counting again.
        began_us=now_us if unblocked else memory.began_us,
    )
