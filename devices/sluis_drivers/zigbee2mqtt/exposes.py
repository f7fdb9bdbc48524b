"""What Zigbee2MQTT says a device can do (`exposes`), as points.

After Zigbee2MQTT's guide, "Exposes" (2.x): generic types (binary, numeric, enum, text, composite, list) stand by
themselves; specific ones (light, switch, fan, cover, lock, climate) hold generic ones in `features`. `access` bits:
1 published, 2 settable, 4 gettable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluis.model.units import canonical, quantity_for
from sluis.sdk import Implausible, Kind, Occurrence, Point, Reading, Value
from sluis.sdk.payload import dict_of, limit_of, list_of, number_of, text_of, wished_number, wished_switch, wished_word

PUBLISHED, SETTABLE = 1, 2
MAX_LEAVES = 300
"""More exposes than any device has (the richest definitions have some 120); the rest is left out."""
KEPT = ("type", "name", "property", "access", "unit", "value_min", "value_max", "value_step", "value_on", "value_off")
"""What is kept of an expose; descriptions and presets are megabytes with 100 devices."""

NUMBERS: Mapping[str, str] = {
    "apparent_power": "apparent_power",
    "battery": "battery",
    "co2": "carbon_dioxide",
    "current": "current",
    "current_heating_setpoint": "temperature",
    "device_temperature": "temperature",
    "eco2": "carbon_dioxide",
    "energy": "energy",
    "formaldehyd": "volatile_organic_compounds",
    "gas": "gas",
    "humidity": "humidity",
    "illuminance": "illuminance",
    "illuminance_lux": "illuminance",
    "local_temperature": "temperature",
    "moisture": "moisture",
    "occupied_cooling_setpoint": "temperature",
    "occupied_heating_setpoint": "temperature",
    "pm10": "pm10",
    "pm25": "pm25",
    "power": "power",
    "power_factor": "power_factor",
    "pressure": "atmospheric_pressure",
    "produced_energy": "energy",
    "soil_moisture": "moisture",
    "temperature": "temperature",
    "voc": "volatile_organic_compounds",
    "voltage": "voltage",
    "water_consumed": "water",
    "ac_frequency": "frequency",
}
"""Name of a numeric expose -> quantity, where its unit allows it."""

UNITS: Mapping[str, str] = {
    "W": "power", "kW": "power", "A": "current", "mA": "current", "V": "voltage", "mV": "voltage", "kWh": "energy",
    "Wh": "energy", "VA": "apparent_power", "var": "reactive_power", "Hz": "frequency", "lx": "illuminance",
}  # fmt: skip
"""Units that say by themselves what is measured, for the many names with a phase or an endpoint in them."""

STATES: Mapping[str, str] = {
    "battery_low": "battery",
    "carbon_monoxide": "carbon_monoxide",
    "contact": "door",  # value_on false means open, as a door sensor's "on" does
    "gas": "gas",
    "moving": "moving",
    "occupancy": "occupancy",
    "opening": "opening",
    "presence": "presence",
    "smoke": "smoke",
    "tamper": "tamper",
    "vibration": "vibration",
    "water_leak": "moisture",
    "window_open": "window",
}
"""Name of a binary expose -> quantity."""

SPECIFIC: Mapping[str, str] = {"switch": "switch", "light": "light", "fan": "fan"}
"""Specific type -> quantity of its `state`."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One generic expose as a point; `path` is where its value stands in the state."""

    point: Point
    path: tuple[str, ...]
    on: Any = field(default=None, compare=False)
    off: Any = field(default=None, compare=False)

    def read(self, value: Any) -> Reading | Occurrence | None:
        """What a value says; None for null and for words that are not on the list of a binary."""
        kind = self.point.kind
        if value is None or value == "":
            return None
        if kind is Kind.SWITCH:
            return self._switched(value)
        if kind is Kind.NUMBER:
            return self.point(number_of(value))
        if not isinstance(value, str):
            raise Implausible(f"{self.point.key}: {str(value)[:40]!r} is not text")
        return self.point.occurred(value[:60]) if kind is Kind.TRIGGER else self.point(value[:255])

    def _switched(self, value: Any) -> Reading | None:
        for word, meaning in ((self.on, True), (self.off, False)):
            if type(value) is type(word) and value == word:
                return self.point(meaning)
        return None

    def wished(self, value: Value | None) -> dict[str, Any]:
        """The message that sets it. CommandError when the value does not fit."""
        key, kind = self.point.key, self.point.kind
        said: Any
        if kind is Kind.SWITCH:
            said = self.on if wished_switch(key, value) else self.off
        elif kind is Kind.NUMBER:
            number = wished_number(key, value)
            said = int(number) if float(number).is_integer() and abs(number) < 2**53 else number
        else:
            said = wished_word(key, value, self.point.options)
        for step in reversed(self.path):
            said = {step: said}
        return dict(said)


def trimmed(exposes: Any, depth: int = 0) -> list[dict[str, Any]]:
    """Exposes with only what points are made of; four levels deep at most."""
    found: list[dict[str, Any]] = []
    for expose in list_of(exposes)[:MAX_LEAVES]:
        if not isinstance(expose, dict):
            raise Implausible("an expose that is no object")
        kept = {key: expose[key] for key in KEPT if isinstance(expose.get(key), str | int | float | bool)}
        if isinstance(expose.get("category"), str):
            kept["category"] = expose["category"]
        if isinstance(expose.get("values"), list):
            kept["values"] = [text_of(value) for value in expose["values"][:100] if text_of(value)]
        if isinstance(expose.get("features"), list) and depth < 4:
            kept["features"] = trimmed(expose["features"], depth + 1)
        found.append(kept)
    return found


def leaves(exposes: Any) -> list[Leaf]:
    """All points of a device. A property that is exposed twice counts once."""
    found: dict[str, Leaf] = {}
    for expose in list_of(exposes):
        for leaf in _walk(dict_of(expose), (), "", 0):
            if len(found) < MAX_LEAVES:
                found.setdefault(leaf.point.key, leaf)
    if "state" in found and "power" in found and found["state"].point.writable:
        state = found["state"]
        found["state"] = Leaf(state.point.named("state", proof="power"), state.path, state.on, state.off)
    return list(found.values())


def _walk(expose: Mapping[str, Any], path: tuple[str, ...], within: str, depth: int) -> Iterator[Leaf]:
    if "features" in expose:
        kind, name = text_of(expose.get("type")), text_of(expose.get("property"))
        inner = (*path, name) if kind == "composite" and name else path
        for feature in list_of(expose["features"]) if depth < 5 else []:
            yield from _walk(dict_of(feature), inner, text_of(expose.get("name")) or kind, depth + 1)
        return
    name = text_of(expose.get("property"))
    if not name or text_of(expose.get("type")) not in ("binary", "numeric", "enum", "text"):
        return
    point = _point(expose, "_".join((*path, name)), within)
    if point is not None:
        yield Leaf(point, (*path, name), expose.get("value_on"), expose.get("value_off"))


def _point(expose: Mapping[str, Any], joined: str, within: str) -> Point | None:
    access = expose.get("access")
    access = access if isinstance(access, int) else PUBLISHED
    published, writable = bool(access & PUBLISHED), bool(access & SETTABLE)
    key = "".join(char if char.isalnum() or char in "_-." else "_" for char in joined)[:120]
    name, category = text_of(expose.get("name")), text_of(expose.get("category"))
    base = Point(key=key, category=category if category in ("config", "diagnostic") else "", writable=writable)
    # x and y of a colour make sense only together; hue and saturation each by itself.
    if within == "color_xy":
        base = base.named(key, writable=False)
    made = _typed(base, expose, name, within)
    if made.kind is Kind.CHOICE and not published:
        return made.named(key, kind=Kind.TRIGGER, quantity="button" if made.options else "")
    if made.kind is Kind.CHOICE and name == "action" and not writable:
        return made.named(key, kind=Kind.TRIGGER, quantity="button")
    if writable and not published:
        return made.named(key, meta={"optimistic": True})
    return made


def _typed(base: Point, expose: Mapping[str, Any], name: str, within: str) -> Point:
    kind, key = text_of(expose.get("type")), base.key
    if kind == "binary":
        quantity = SPECIFIC.get(within, "") if name == "state" else STATES.get(name, "")
        return base.named(key, kind=Kind.SWITCH, quantity=quantity)
    if kind == "numeric":
        limits = _range(expose)
        if (
            within == "color_hs" and limits["maximum"] is None
        ):  # exposes state none; converters take degrees and percent
            limits |= {"minimum": 0, "maximum": 360 if name == "hue" else 100}
        return base.named(key, **limits, **_measure(expose, name))
    options = tuple(dict.fromkeys(filter(None, map(text_of, list_of(expose.get("values"))))))
    if kind == "enum" and options:
        return base.named(key, kind=Kind.CHOICE, options=options)
    return base.named(key, kind=Kind.TEXT)


def _measure(expose: Mapping[str, Any], name: str) -> dict[str, str]:
    unit = canonical(text_of(expose.get("unit"), 20))
    if name == "color_temp":
        unit = unit or "mired"
    guess = UNITS.get(unit, "temperature" if name.endswith(("temperature", "setpoint")) else "")
    return {"quantity": quantity_for(NUMBERS.get(name, guess), unit), "unit": unit}


def _range(expose: Mapping[str, Any]) -> dict[str, float | None]:
    low, high = limit_of(expose.get("value_min")), limit_of(expose.get("value_max"))
    if low is not None and high is not None and low > high:
        low, high = high, low
    step = limit_of(expose.get("value_step"))
    return {"minimum": low, "maximum": high, "step": step if step and step > 0 else None}
