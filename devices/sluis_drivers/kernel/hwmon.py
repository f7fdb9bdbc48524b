"""Sensors of the kernel's hwmon: LM75, SHT21, INA219, fans, the Raspberry Pi's own temperature and supply.

Knowledge: Linux, Documentation/hwmon/sysfs-interface.rst (units as there).

    {"temp1_input": "21500", "temp1_label": "Inlet", "temp1_fault": "0", "in0_lcrit_alarm": ...}
       KKKKN XXXXX   VVVVV
    K  `temp` 1/1000 °C, `in` mV, `curr` mA, `power` µW, `energy` µJ, `humidity` 1/1000 %, `fan` rpm, `freq` Hz
    N  number of the channel
    X  `input` its value, `alarm` 1 while it is out of its limits, `fault` 1: no sensor there
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sluis.sdk import About, Announcement, Decoded, Driver, Frame, Grade, Kind, LinkMatch, Point, Quality
from sluis_drivers.kernel.common import (
    Measure,
    announced,
    channels_of,
    every_s,
    files_of,
    label_of,
    number,
    present,
    trouble,
)

MEASURES: Mapping[str, Measure] = {
    "temp": Measure("temperature", "temperature", "°C", 1e-3),
    "in": Measure("voltage", "voltage", "V", 1e-3),
    "curr": Measure("current", "current", "A", 1e-3),
    "power": Measure("power", "power", "W", 1e-6),
    "energy": Measure("energy", "energy", "J", 1e-6),
    "humidity": Measure("humidity", "humidity", "%", 1e-3),
    "fan": Measure("fan", "", "rpm"),
    "freq": Measure("frequency", "frequency", "Hz"),
}
NAME = re.compile(r"([a-z]+)(\d{1,3})_(input|(?:[a-z]+_)?alarm)", re.ASCII)


class Channel(NamedTuple):
    file: str
    factor: float
    point: Point


class Hwmon(Driver):
    about = About(
        key="hwmon",
        vendor="Linux hwmon",
        models=("sensor with a hwmon driver",),
        match=LinkMatch(filters=("hwmon/+/about",), kinds=("kernel",)),
        sources=("Linux Documentation/hwmon/sysfs-interface.rst",),
        grade=Grade.BRONZE,
    )

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "Linux hwmon")

    def points(self) -> Iterable[Point]:
        return [channel.point for channel in self._channels()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        said = files_of(self.native_id, frame)
        problem = trouble(said)
        return self._values(said) if problem is None else [problem]

    def _values(self, said: Mapping[str, Any]) -> Iterator[Decoded]:
        for channel in present(self._channels(), said):
            value = number(said[channel.file])
            if channel.point.kind is Kind.SWITCH:
                yield channel.point(value != 0)
            else:
                failed = said.get(channel.file.replace("_input", "_fault")) == "1"
                quality = Quality.BAD if failed else Quality.GOOD
                yield channel.point(round(value * channel.factor, 6), quality)

    def _channels(self) -> Iterator[Channel]:
        rhythm_s = every_s(self.description, 10)
        seen: set[str] = set()
        for file in channels_of(self.description):
            found = NAME.fullmatch(file)
            measure = MEASURES.get(found[1]) if found else None
            if found is None or measure is None or file in seen:
                continue
            seen.add(file)
            number_, what = found[2], found[3]
            label = label_of(self.description, f"{found[1]}{number_}_label")
            if what == "input":
                key = f"{measure.key}_{number_}"
                point = Point(measure.quantity, measure.unit, key=key, name=label, every_s=rhythm_s)
                yield Channel(file, measure.factor, point)
            else:
                key = f"{measure.key}_{number_}_{what}"
                yield Channel(
                    file, 1.0, Point("problem", kind=Kind.SWITCH, key=key, every_s=rhythm_s, category="diagnostic")
                )
