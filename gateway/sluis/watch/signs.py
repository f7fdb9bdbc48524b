"""What is known of one device's health, gathered from its twin, its counters and the stored past.

At most `QUERIES` small queries of the past for a device: the daily values of its battery and its signal, a week of its
uptime, and how many readings of at most `RHYTHMS` points came in the whole hours of the last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sluis.model import Availability, Device, Kind, Point, Stamp, UnknownDevice
from sluis.twins import Twin
from sluis.twins.health import Signal, Signs
from sluis.twins.trend import battery_end, per_week
from sluis.watch.outages import Outages
from sluis.watch.ports import Bucket, Counters, Devices, History
from sluis.watch.roots import DEPTH

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

BATTERY_DAYS = 60
"""How far a battery's line reaches back. Two months tell a coin cell's last quarter from its first; longer and a
winter that is over still bends the line."""

SIGNAL_DAYS = 14
RESTART_DAYS = 7

REPORTS_HOURS = 24

EXPECTED_LEAST = 10
"""Reports that must be expected before any can be missed: of three, one late one is a third."""

RHYTHMS = 3
"""Points whose reports are counted, of those with the quickest rhythm. A device may send them in turns, or have one
that it never sends; the one that is heard best counts."""

QUERIES = 3 + RHYTHMS

RESTARTED = 0.98
"""An uptime below this share of the one before is a new start; a clock that is corrected moves it less."""


class Examination:
    """Of any device, one at a time."""

    def __init__(self, devices: Devices, history: History, outages: Outages) -> None:
        self._devices = devices
        self._history = history
        self._outages = outages

    async def signs(self, key: str, now: Stamp) -> Signs:
        """Everything that is known now. UnknownDevice when there is no such device."""
        device, twin = self._devices.device(key), self._devices.twin(key)
        said = {name: point for name, point in self._devices.points(key).items() if name in twin.reported}
        percent, end_us = await self._battery(device, said, twin, now)
        heard, expected = await self._reports(device, said, now)
        return Signs(
            now.at_us,
            offline_s=_offline_s(twin, now),
            heard=heard,
            expected=expected,
            battery_pct=percent,
            battery_low=_battery_low(said.values(), twin),
            battery_end_us=end_us,
            signal=await self._signal(device, said, now),
            restarts=await self._restarts(device, said, now),
            drops=self._outages.drops(key, now.at_us - DAY_US),
            clock_off_s=_clock_off_s(self._devices.counters(key), now),
            firmware_age_s=_age_s(device.firmware_since_us, now),
        )

    async def _battery(
        self, device: Device, said: Mapping[str, Point], twin: Twin, now: Stamp
    ) -> tuple[float | None, int | None]:
        """(percent, when it is empty) of the battery that is lowest."""
        levels = [(_number(twin, key), key) for key, point in said.items() if _is_battery(point)]
        known = [(level, key) for level, key in levels if level is not None]
        if not known:
            return None, None
        level, key = min(known)
        past = await self._daily(device.key, key, BATTERY_DAYS, now)
        end_us = battery_end([(day.at_us, day.last) for day in past], now.at_us) if now.trusted else None
        return level, end_us

    async def _signal(self, device: Device, said: Mapping[str, Point], now: Stamp) -> Signal | None:
        found = next(((key, unit) for key, point in said.items() if (unit := _signal_unit(point))), None)
        if found is None:
            return None
        past = await self._daily(device.key, found[0], SIGNAL_DAYS, now)
        if not past:
            return None
        trend = per_week([(day.at_us, day.mean) for day in past]) if now.trusted else None
        return Signal(past[-1].mean, found[1], trend)

    async def _daily(self, device: str, point: str, days: int, now: Stamp) -> list[Bucket]:
        return list(await self._history.series(device, point, now.at_us - days * DAY_US, now.at_us, days + 1))

    async def _restarts(self, device: Device, said: Mapping[str, Point], now: Stamp) -> int | None:
        """How often its uptime began anew; several within one hour count as one."""
        key = next((key for key, point in said.items() if _is_uptime(point)), "")
        if not key:
            return None
        hours = RESTART_DAYS * 24
        begin_us = max(now.at_us - hours * HOUR_US, device.adopted_at_us)
        return _starts(await self._history.series(device.key, key, begin_us, now.at_us, hours + 1))

    async def _reports(self, device: Device, said: Mapping[str, Point], now: Stamp) -> tuple[int | None, float | None]:
        """(heard, expected) in the whole hours of the last day in which we could hear it."""
        rhythms = sorted((point.every_s, key) for key, point in said.items() if point.every_s and _counts(point))
        end_us = now.at_us // HOUR_US * HOUR_US
        begin_us = max(end_us - REPORTS_HOURS * HOUR_US, device.adopted_at_us, self._outages.since_us)
        begin_us = -(-begin_us // HOUR_US) * HOUR_US
        if not rhythms or end_us <= begin_us or not now.trusted:
            return None, None
        every_s = rhythms[0][0]
        assert every_s is not None  # those without were left out
        excused_s = self._outages.excused_s(self._carriers(device), begin_us, end_us)
        expected = ((end_us - begin_us) / 1e6 - excused_s) / every_s
        if expected < EXPECTED_LEAST:
            return None, None
        hours = (end_us - begin_us) // HOUR_US
        heard = 0
        for rhythm_s, key in rhythms[:RHYTHMS]:
            if rhythm_s == every_s:
                past = await self._history.series(device.key, key, begin_us, end_us, hours + 1)
                heard = max(heard, sum(bucket.count for bucket in past))
        return heard, expected

    def _carriers(self, device: Device) -> Iterator[str]:
        """What its reports travel over."""
        yield f"link:{device.link}"
        parent = device.parent
        for _ in range(DEPTH):
            if not parent:
                return
            yield f"device:{parent}"
            try:
                parent = self._devices.device(parent).parent
            except UnknownDevice:
                return


def _is_battery(point: Point) -> bool:
    return point.quantity == "battery" and point.kind is Kind.NUMBER and point.unit == "%"


def _is_uptime(point: Point) -> bool:
    """Of a device that counts since its start; by name, since many things have a duration."""
    named = point.key == "uptime" or point.key.endswith("_uptime")
    return named and point.kind is Kind.NUMBER and point.quantity in ("duration", "")


def _signal_unit(point: Point) -> str:
    """The unit as `twins.health` names it; "" when it is no signal."""
    if point.kind is not Kind.NUMBER:
        return ""
    if point.quantity == "signal_strength":
        return point.unit
    return "lqi" if point.key == "linkquality" or point.unit == "lqi" else ""


def _counts(point: Point) -> bool:
    """Whether the past of the point can be counted as numbers."""
    return point.kind in (Kind.NUMBER, Kind.SWITCH)


def _number(twin: Twin, key: str) -> float | None:
    value = twin.reported[key].value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _battery_low(points: Iterable[Point], twin: Twin) -> bool | None:
    flags = [
        twin.reported[point.key].value is True
        for point in points
        if point.quantity == "battery" and point.kind is Kind.SWITCH
    ]
    return any(flags) if flags else None


def _starts(hours: Iterable[Bucket]) -> int:
    """How often a count of seconds began anew, at most once in each of these."""
    count, before = 0, 0.0
    for hour in hours:
        count += hour.min < before * RESTARTED or hour.last < hour.max * RESTARTED
        before = hour.last
    return count


def _offline_s(twin: Twin, now: Stamp) -> float | None:
    if twin.availability is not Availability.OFFLINE:
        return None
    return max(0.0, (now.mono_us - twin.since.mono_us) / 1e6)


def _clock_off_s(counters: Counters, now: Stamp) -> float | None:
    return counters.clock_off_s if now.trusted else None


def _age_s(since_us: int, now: Stamp) -> float | None:
    return max(0.0, (now.at_us - since_us) / 1e6) if since_us and now.trusted else None
