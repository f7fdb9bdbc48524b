"""Power over the last day, by the hour, beside the same hours a week earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sluis.panel.pages.views import DeviceView
from sluis.panel.ports import House

HOUR_US = 3_600_000_000
WEEK_US = 7 * 24 * HOUR_US
HOURS = 24

METERS = 24
"""Power points summed at most: each is one question to the history, and this is a card on the home page."""

WHOLE = ("power", "power_import")
"""Keys under which a device tells the whole of what it measures; its other powers (a phase, what is fed in, a quarter
of an hour's demand) are parts of that, or something else."""

WATTS = {"W": 1.0, "kW": 1_000.0, "MW": 1_000_000.0}

KEEP_US = 60_000_000
"""How long an answer is kept. The bars are hours wide: asking more often shows nothing new."""


Meter = tuple[str, str, float]
"""Device, point, and how many watts its unit is."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: watts on average, then and now; heights in percent of the highest."""

    now_w: float
    then_w: float
    now_pct: float
    then_pct: float


@dataclass(frozen=True, slots=True)
class Day:
    """Twenty-four hours of power."""

    bars: tuple[Bar, ...]
    kwh: float
    change_pct: float | None
    """Against the same hours a week earlier; None when nothing is known of those."""


class EnergyCard:
    """Remembers the last answer per set of meters. `main` names the devices that measure the whole building."""

    def __init__(self, main: Sequence[str] = ()) -> None:
        self._main = frozenset(main)
        self._kept: dict[frozenset[Meter], tuple[int, Day | None]] = {}

    async def day(self, house: House, views: Sequence[DeviceView]) -> Day | None:
        """The card; None when nothing here measures power."""
        main = [view for view in views if view.key in self._main]
        meters = [meter for view in main or views for meter in meters_of(view)][:METERS]
        if not meters:
            return None
        now_us = house.clock.stamp().at_us
        key = frozenset(meters)
        held = self._kept.get(key)
        if held and 0 <= now_us - held[0] < KEEP_US:
            return held[1]
        if len(self._kept) > 16:
            self._kept.clear()
        made = await _day(house, meters, now_us)
        self._kept[key] = now_us, made
        return made


def meters_of(view: DeviceView) -> list[Meter]:
    """The points that make up what a device takes."""
    powers = [one for one in view.of("power") if not one.category and one.unit in WATTS]
    whole = next((one for key in WHOLE for one in powers if one.key == key), None)
    return [(one.device, one.key, WATTS[one.unit]) for one in ([whole] if whole else powers)]


async def _day(house: House, meters: Sequence[Meter], now_us: int) -> Day | None:
    end = now_us - now_us % HOUR_US + HOUR_US
    now = await _hours(house, meters, end)
    then = await _hours(house, meters, end - WEEK_US)
    if not any(now):
        return None
    top = max(*now, *then, 1.0)
    bars = tuple(Bar(a, b, 100 * a / top, 100 * b / top) for a, b in zip(now, then, strict=True))
    alike = [(a, b) for a, b in zip(now, then, strict=True) if b > 0 and a > 0]
    before = sum(b for _, b in alike)
    change = 100 * (sum(a for a, _ in alike) / before - 1) if len(alike) >= HOURS // 2 else None
    return Day(bars, sum(now) / 1000, change)


async def _hours(house: House, meters: Sequence[Meter], end_us: int) -> list[float]:
    sums = [0.0] * HOURS
    start = end_us - HOURS * HOUR_US
    for device, point, watts in meters:
        for bucket in await house.history.series(device, point, start, end_us, HOURS):
            hour = (bucket.at_us - start) // HOUR_US
            if 0 <= hour < HOURS and bucket.count and bucket.mean is not None:
                sums[hour] += max(0.0, bucket.mean) * watts
    return sums
