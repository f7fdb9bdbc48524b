"""Sensors of the kernel's Industrial I/O: BME280, SHT3x, SCD30, BH1750, ADS1115 and some hundreds more.

Knowledge: Linux, Documentation/ABI/testing/sysfs-bus-iio (units as there).

    {"in_temp_input": "21500", "in_humidityrelative_raw": "43210", "in_humidityrelative_scale": "0.001"}
        TTTT XXXXX    VVVVV
    T  what is measured, with a number where there are several (`voltage0`)       V  its value
    X  `input`: in the ABI's unit; `raw`: that is (raw + offset) * scale; scale and offset may be of all of a kind
       (`in_voltage_scale`)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sluis.sdk import About, Announcement, Decoded, Driver, Frame, Grade, LinkMatch, Point
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
    "humidityrelative": Measure("humidity", "humidity", "%", 1e-3),
    "pressure": Measure("pressure", "pressure", "hPa", 10),
    "illuminance": Measure("illuminance", "illuminance", "lx"),
    "voltage": Measure("voltage", "voltage", "V", 1e-3),
    "current": Measure("current", "current", "A", 1e-3),
    "power": Measure("power", "power", "W", 1e-3),
    "energy": Measure("energy", "energy", "J"),
    "resistance": Measure("resistance", "", "Ω"),
    "concentration_co2": Measure("co2", "carbon_dioxide", "ppm", 1e4),
    "concentration_voc": Measure("voc", "volatile_organic_compounds_parts", "ppm", 1e4),
    "massconcentration_pm1": Measure("pm1", "pm1", "µg/m³"),
    "massconcentration_pm2p5": Measure("pm25", "pm25", "µg/m³"),
    "massconcentration_pm4": Measure("pm4", "pm4", "µg/m³"),
    "massconcentration_pm10": Measure("pm10", "pm10", "µg/m³"),
    "ph": Measure("ph", "ph", ""),
    "proximity": Measure("proximity", "", ""),
    "uvindex": Measure("uv_index", "", ""),
    "distance": Measure("distance", "distance", "m"),
    "velocity": Measure("speed", "speed", "m/s"),
}
"""ABI's name of a measure -> what we call it. The ABI's units: m°C, m%, kPa, lx, mV, mA, mW, J, ohm, %, µg/m³, m."""

_TYPES = "|".join(sorted(MEASURES, key=len, reverse=True))
NAME = re.compile(rf"in_({_TYPES})(\d*)(?:_([a-z]\w*))?_(input|raw)", re.ASCII)


class Channel(NamedTuple):
    file: str
    measure: Measure
    type: str
    point: Point


class Iio(Driver):
    about = About(
        key="iio",
        vendor="Linux IIO",
        models=("sensor with an IIO driver",),
        match=LinkMatch(filters=("iio/+/about",), kinds=("kernel",)),
        sources=("Linux Documentation/ABI/testing/sysfs-bus-iio",),
        grade=Grade.BRONZE,
    )

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "Linux IIO")

    def points(self) -> Iterable[Point]:
        return [channel.point for channel in self._channels()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        said = files_of(self.native_id, frame)
        problem = trouble(said)
        return self._values(said) if problem is None else [problem]

    def _values(self, said: Mapping[str, Any]) -> Iterator[Decoded]:
        for channel in present(self._channels(), said):
            value = _value(said, channel)
            yield channel.point(round(value * channel.measure.factor, 6))

    def _channels(self) -> Iterator[Channel]:
        """One for each value: `input` before `raw` where a sensor has both."""
        seen: set[str] = set()
        rhythm_s = every_s(self.description, 10)
        for file in sorted(channels_of(self.description), key=lambda name: name.endswith("_raw")):
            found = NAME.fullmatch(file)
            measure = MEASURES.get(found[1]) if found else None
            if found is None or measure is None:
                continue
            key = "_".join(part for part in (measure.key, found[2], found[3]) if part)
            if key not in seen:
                seen.add(key)
                name = label_of(self.description, file.rpartition("_")[0] + "_label")
                point = Point(measure.quantity, measure.unit, key=key, name=name, every_s=rhythm_s)
                yield Channel(file, measure, f"in_{found[1]}", point)


def _value(said: Mapping[str, Any], channel: Channel) -> float:
    value = number(said[channel.file])
    if channel.file.endswith("_input"):
        return value
    own = channel.file.removesuffix("_raw")
    scale, offset = (
        number(said.get(f"{own}_{what}", said.get(f"{channel.type}_{what}", default)))
        for what, default in (("scale", "1"), ("offset", "0"))
    )
    return (value + offset) * scale
