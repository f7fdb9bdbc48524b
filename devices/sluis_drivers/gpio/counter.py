"""Pulses of a meter on a pin: S0 outputs of electricity meters, reed contacts of water and gas meters.

Knowledge: the gpio link's own frames (`sluis.links.gpio.link`); EN 62053-31 for S0 (a pulse and a pause last at least
30 ms each). The meter's plate says how many pulses it gives for a kWh or a m³.

    {"count": 1042, "level": 0, "quiet_us": 512, "interval_us": 72000}
              n                            q                  i
    n  pulses since the counter was first used; it outlives restarts
    q  microseconds since the last pulse; missing before the first
    i  microseconds between the last pulses, on average; missing before the second
    The rate is one pulse in whichever of i and q is longer: it falls while no pulse comes. After an hour it is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sluis.sdk import About, Announcement, Ask, Decoded, Driver, Frame, Grade, Implausible, Kind, Point
from sluis.sdk.payload import number_of
from sluis_drivers.gpio.pins import PINS, QUIET_S, announced, pin_frame

STANDS_STILL_US = 3_600_000_000


class Meter(NamedTuple):
    """What a meter's pulses add up to, and its rate: pulses a second / pulses per unit * `factor` = `rate_unit`."""

    total: str
    unit: str
    rate: str
    rate_unit: str
    factor: float


METERS: Mapping[str, Meter] = {
    "energy": Meter("energy", "kWh", "power", "W", 3_600_000),
    "water": Meter("water", "m³", "volume_flow_rate", "L/min", 60_000),
    "gas": Meter("gas", "m³", "volume_flow_rate", "m³/h", 3_600),
}


class Counter(Driver):
    about = About(
        key="gpio-counter",
        vendor="GPIO",
        models=("pulse counter on a pin",),
        match=PINS,
        sources=("docs/how-to/gpio.md", "EN 62053-31:1998, section 4 (S0 pulse output)"),
        grade=Grade.SILVER,
        setup=(
            Ask("measures", "What it measures", options=("pulses", *METERS), default="pulses"),
            Ask("per_unit", "Pulses for one kWh or m³", Kind.NUMBER, default=1000, hint="From the meter's plate."),
            Ask("start", "What the meter showed when the counter was at 0", Kind.NUMBER, default=0),
        ),
    )

    pulses = Point(minimum=0, every_s=QUIET_S, category="diagnostic")

    def points(self) -> Iterable[Point]:
        yield self.pulses
        meter = self._meter()
        if meter:
            yield Point(meter.total, meter.unit, key="total", minimum=0, every_s=QUIET_S)
            yield Point(meter.rate, meter.rate_unit, key="rate", minimum=0, every_s=QUIET_S)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "counter", "pulse counter")

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        said = pin_frame(self.native_id, frame)
        count = _whole(said.get("count"))
        yield self.pulses(count)
        meter = self._meter()
        if meter is None:
            return
        per_unit, points = self._per_unit(), {point.key: point for point in self.points()}
        yield points["total"](round(_number(self.setting("start", 0), 0) + count / per_unit, 6))
        if "quiet_us" in said and "interval_us" in said:
            apart_us = max(_whole(said["quiet_us"]), _whole(said["interval_us"]), 1)
            rate = 1e6 / apart_us / per_unit * meter.factor if apart_us < STANDS_STILL_US else 0.0
            yield points["rate"](round(rate, 4))

    def _meter(self) -> Meter | None:
        return METERS.get(str(self.setting("measures")))

    def _per_unit(self) -> float:
        told = _number(self.setting("per_unit", 1000), 1000)
        return told if told > 0 else 1000


def _whole(value: object) -> int:
    number = number_of(value)
    if number < 0 or number != int(number):
        raise Implausible(f"{number:g} is no count")
    return int(number)


def _number(value: object, default: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
