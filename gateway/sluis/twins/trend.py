"""Where a row of values is going: a line that a few odd ones do not bend, and what it says of a battery.

The slope is Theil and Sen's: the median of the slopes between all pairs (H. Theil 1950, P. K. Sen 1968). Up to 29 % of
the values may be anything at all without moving it, where least squares follows a single cold night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

DAY_US = 86_400_000_000

Levels = Sequence[tuple[int, float]]
"""(microseconds since 1970, value), in order of time."""

CHANGED_PCT = 15.0
"""A battery that rises by more than this from one day to the next was changed (or charged). Smaller and one that warms
up in the sun counts as new; larger and a half-used spare goes unnoticed, and the old line says that it is empty."""

BATTERY_DAYS = 7
"""A shorter line says nothing about the end of a battery: most tell whole percents, and one lasts a year."""

BATTERY_FALL_PCT = 2.0
"""A line that falls less than this over its whole length is the jitter of the measurement."""

FAR_DAYS = 3650
"""An end further away than this is none."""

SIGNAL_DAYS = 4
"""Days that a trend of the signal needs at least. A door that was open over a weekend is no trend."""


@dataclass(frozen=True, slots=True)
class Line:
    """value = level + per_day * (t - at) in days."""

    at_us: int
    level: float
    per_day: float


def line(levels: Levels) -> Line | None:
    """The line through these; None for fewer than two moments."""
    if len(levels) < 2:
        return None
    at_us = levels[-1][0]
    points = [((when - at_us) / DAY_US, value) for when, value in levels]
    slopes = [
        (later - earlier) / (x - w) for i, (w, earlier) in enumerate(points) for x, later in points[i + 1 :] if x != w
    ]
    if not slopes:
        return None
    slope = median(slopes)
    return Line(at_us, median(value - slope * x for x, value in points), slope)


def since_change(levels: Levels) -> Levels:
    """What the present battery said."""
    begin = 0
    for number in range(1, len(levels)):
        if levels[number][1] - levels[number - 1][1] > CHANGED_PCT:
            begin = number
    return levels[begin:]


def battery_end(levels: Levels, now_us: int) -> int | None:
    """When a battery reaches 0 % if it goes on as it does, at `now_us` at the earliest; None while that is not to be
    seen. `levels` in %, at most one a day."""
    levels = since_change(levels)
    if not levels or levels[-1][0] - levels[0][0] < BATTERY_DAYS * DAY_US:
        return None
    fitted = line(levels)
    if fitted is None:
        return None
    days = (levels[-1][0] - levels[0][0]) / DAY_US
    if -fitted.per_day * days < BATTERY_FALL_PCT:
        return None
    left_days = max(0.0, fitted.level) / -fitted.per_day
    if left_days > FAR_DAYS:
        return None
    return max(now_us, fitted.at_us + round(left_days * DAY_US))


def per_week(levels: Levels) -> float | None:
    """What a signal gains in a week, in its own unit; None while there are too few days."""
    if not levels or levels[-1][0] - levels[0][0] < SIGNAL_DAYS * DAY_US:
        return None
    fitted = line(levels)
    return None if fitted is None else fitted.per_day * 7
