"""How well a device is: one figure with its reasons, from what is known of it.

Theory of operation. Every sign (battery, signal, missed reports ...) takes points off 100, from nothing where it is
ordinary to its weight where it is as bad as it gets, in proportion between the two. What is not known takes nothing: a
device is not worse for telling less. So the figure is no measurement but an order: who to look at first, and why.

A dead battery should put a device among the worst by itself, and an old firmware should not; that is all that the
weights say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sluis.twins.trend import DAY_US

BEST = 100

OFFLINE = 40
OFFLINE_S = (60.0, 86_400.0)
"""Seconds out of reach: from a minute (a restart is no illness) to a day, when nobody can call it a hiccup."""

MISSED = 40
MISSED_SHARE = (0.1, 0.6)
"""Share of the expected reports that did not come: a tenth is ordinary on radio; with six tenths missing a value is
stale more often than not."""

SPARE_REPORTS = 1.0
"""Reports that the edges of the time looked at may cost."""

BATTERY = 30
BATTERY_PCT = (30.0, 5.0)
"""Coin cells give out somewhere below 10 %; above 30 % there are weeks left."""

BATTERY_LOW = 20
"""A device that only says that its battery is low, and not how low."""

ENDS = 15
ENDS_DAYS = (45.0, 5.0)
"""Days until a battery is empty: from the next round of the building but one, to this week."""

SIGNAL = 20
SIGNAL_SPANS: Mapping[str, tuple[float, float]] = {"dBm": (-78.0, -95.0), "%": (35.0, 5.0), "lqi": (60.0, 10.0)}
"""Unit -> where a signal begins to be weak, and where it is as good as gone. dBm fits Wi-Fi and BLE, whose receivers
end between -90 and -97; lqi is the 0 to 255 of Zigbee. A unit that is not here is shown and not judged."""

FALLING = 10
FALLING_SPANS = (0.35, 1.0)
"""What a signal loses in a week, as a share of its span above: 6 dB is more than the weather, 17 dB is the whole."""

RESTARTS = 20
RESTARTS_COUNT = (1.0, 10.0)
"""In a week: one may be an update; ten is one that hangs or a bad supply."""

DROPS = 20
DROPS_COUNT = (2.0, 12.0)
"""In a day: twice is somebody at the fuse box; every two hours is a bad connection."""

CLOCK = 10
CLOCK_OFF_S = (30.0, 600.0)
"""Seconds that a device's own clock is off: less is the time its messages take."""

FIRMWARE = 10
FIRMWARE_AGE_S = (365 * 86_400.0, 3 * 365 * 86_400.0)
"""A year without an update is ordinary; after three years there are known holes in nearly everything."""


@dataclass(frozen=True, slots=True)
class Signal:
    """How a device is heard, or hears."""

    level: float
    """Mean of the last day."""
    unit: str
    """`dBm`, `%`, `lqi` (0 to 255)."""
    per_week: float | None = None
    """What it gains in a week; None while that is not known."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a device; None for what is not."""

    now_us: int
    offline_s: float | None = None
    """How long it has been out of reach; None while it is not, and where nobody knows."""
    heard: int | None = None
    """Reports that came in the time looked at."""
    expected: float | None = None
    """Reports that were to come in it."""
    battery_pct: float | None = None
    battery_low: bool | None = None
    """Where the device says no more than that."""
    battery_end_us: int | None = None
    signal: Signal | None = None
    restarts: int | None = None
    """In a week."""
    drops: int | None = None
    """How often it said, or was said, to be gone, in a day."""
    clock_off_s: float | None = None
    """Its own clock minus ours."""
    firmware_age_s: float | None = None
    """Since its firmware is what it is."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why points are off."""

    code: str
    """`offline`, `missed-reports`, `battery-low`, `battery-ends`, `signal-weak`, `signal-falling`, `restarts`, `drops`,
    `clock-off`, `firmware-old`."""
    points: int
    """Taken off; at least 1."""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    score: int
    """0 to 100."""
    reasons: tuple[Reason, ...]
    """Heaviest first."""
    battery_end_us: int | None = None
    """When its battery is empty if it goes on as it does."""


def health(signs: Signs) -> DeviceHealth:
    """The figure, and why."""
    reasons = sorted(_reasons(signs), key=lambda reason: -reason.points)
    score = max(0, BEST - sum(reason.points for reason in reasons))
    return DeviceHealth(score, tuple(reasons), signs.battery_end_us)


def _reasons(signs: Signs) -> Iterator[Reason]:
    for code, points, numbers in (
        _offline(signs.offline_s),
        _missed(signs.heard, signs.expected),
        _battery(signs.battery_pct, signs.battery_low),
        _ends(signs.battery_end_us, signs.now_us),
        _weak(signs.signal),
        _falling(signs.signal),
        _counted("restarts", signs.restarts, RESTARTS, RESTARTS_COUNT),
        _counted("drops", signs.drops, DROPS, DROPS_COUNT),
        _clock(signs.clock_off_s),
        _firmware(signs.firmware_age_s),
    ):
        if round(points) >= 1:
            yield Reason(code, round(points), numbers)


Judged = tuple[str, float, Mapping[str, float]]


def ramp(value: float | None, span: tuple[float, float]) -> float:
    """0 at the first end of `span` and before it, 1 at the other and beyond, in proportion between; 0 for None."""
    if value is None or math.isnan(value):
        return 0.0
    begin, end = span
    return min(1.0, max(0.0, (value - begin) / (end - begin)))


def _offline(for_s: float | None) -> Judged:
    share = ramp(for_s, OFFLINE_S)
    # A quarter at once: it is of no use now, however short that is.
    points = OFFLINE * (0.25 + 0.75 * share) if for_s is not None and for_s >= OFFLINE_S[0] else 0.0
    return "offline", points, {"for_s": for_s or 0.0}


def _missed(heard: int | None, expected: float | None) -> Judged:
    if heard is None or not expected:
        return "missed-reports", 0.0, {}
    share = max(0.0, expected - SPARE_REPORTS - heard) / expected
    numbers = {"heard": heard, "expected": round(expected), "percent": round(100 * (1 - min(1.0, heard / expected)))}
    return "missed-reports", MISSED * ramp(share, MISSED_SHARE), numbers


def _battery(percent: float | None, low: bool | None) -> Judged:
    points = max(BATTERY * ramp(percent, BATTERY_PCT), BATTERY_LOW if low else 0.0)
    return "battery-low", points, {} if percent is None else {"percent": percent}


def _ends(end_us: int | None, now_us: int) -> Judged:
    days = None if end_us is None else max(0.0, (end_us - now_us) / DAY_US)
    return "battery-ends", ENDS * ramp(days, ENDS_DAYS), {"in_days": round(days or 0.0, 1)}


def _weak(signal: Signal | None) -> Judged:
    span = SIGNAL_SPANS.get(signal.unit) if signal else None
    if signal is None or span is None:
        return "signal-weak", 0.0, {}
    return "signal-weak", SIGNAL * ramp(signal.level, span), {"level": round(signal.level, 1)}


def _falling(signal: Signal | None) -> Judged:
    span = SIGNAL_SPANS.get(signal.unit) if signal else None
    if signal is None or span is None or signal.per_week is None:
        return "signal-falling", 0.0, {}
    share = -signal.per_week / abs(span[1] - span[0])
    return "signal-falling", FALLING * ramp(share, FALLING_SPANS), {"per_week": round(signal.per_week, 1)}


def _counted(code: str, count: int | None, weight: int, span: tuple[float, float]) -> Judged:
    return code, weight * ramp(count, span), {"count": count or 0}


def _clock(off_s: float | None) -> Judged:
    points = CLOCK * ramp(None if off_s is None else abs(off_s), CLOCK_OFF_S)
    return "clock-off", points, {"seconds": round(off_s or 0.0, 1)}


def _firmware(age_s: float | None) -> Judged:
    return "firmware-old", FIRMWARE * ramp(age_s, FIRMWARE_AGE_S), {"days": round((age_s or 0.0) / 86_400)}
