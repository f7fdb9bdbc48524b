"""`$description` of Homie 5: which properties a device has, as points.

Forward compatibility as the convention asks: unknown fields are ignored; a device, node or property with an illegal
value in a known field is ignored whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluis.model.units import canonical, quantity_for
from sluis.sdk import Implausible, Kind, Occurrence, Point, Reading, Value
from sluis.sdk.payload import dict_of, wished_word
from sluis_drivers.homie import values

ID = re.compile(r"[a-z0-9-]{1,64}")
VERSION = re.compile(r"5\.[0-9]{1,4}")
PROPERTIES_MAX = 300
"""More than any device has; the rest is left out, so that one device cannot fill the memory."""

UNITS: Mapping[str, str] = {
    "°C": "temperature", "°F": "temperature", "V": "voltage", "W": "power", "kW": "power", "kWh": "energy",
    "A": "current", "Hz": "frequency", "Pa": "pressure", "hPa": "pressure", "psi": "pressure", "lx": "illuminance",
    "m/s": "speed", "kn": "speed", "s": "duration", "min": "duration", "h": "duration",
}  # fmt: skip
"""Units that say by themselves what is measured."""
NUMBERS: Mapping[str, str] = {
    "battery": "battery", "humidity": "humidity", "co2": "carbon_dioxide", "moisture": "moisture",
    "power-factor": "power_factor", "water": "water", "gas": "gas", "distance": "distance", "volume": "volume",
}  # fmt: skip
STATES: Mapping[str, str] = {
    "contact": "opening", "door": "door", "window": "window", "motion": "motion", "occupancy": "occupancy",
    "smoke": "smoke", "leak": "moisture", "tamper": "tamper", "vibration": "vibration", "presence": "presence",
}  # fmt: skip
"""Property id -> quantity, where it is not settable: ids are free, so only plain words are understood."""

FIELDS = ("name", "datatype", "format", "settable", "retained", "unit")
"""What is kept of a property."""

Reads = Callable[[str], Value]
Writes = Callable[[str, Value | None], str]


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its point, its topic below the device's, and what its payloads mean."""

    point: Point
    topic: str
    read: Reads
    write: Writes = field(compare=False)

    def said(self, data: bytes) -> list[Reading | Occurrence]:
        """Nothing for an empty payload: the topic was deleted."""
        if not data:
            return []
        value = self.read(values.text(data))
        if self.point.kind is Kind.TRIGGER:
            return [self.point.occurred(_word(value))]
        return [self.point(value)]


def trimmed(said: Mapping[str, Any]) -> dict[str, Any]:
    """A description with only what is used, only of legal objects. Implausible when the device itself is illegal."""
    if not isinstance(said.get("homie"), str) or not VERSION.fullmatch(said["homie"]):
        raise Implausible("not described by Homie 5")
    if type(said.get("version")) is not int or not _texts(said, "name", "type"):
        raise Implausible("a description with an illegal version, name or type")
    kept: dict[str, Any] = {key: said[key][:80] for key in ("name", "type") if key in said}
    for key in ("root", "parent"):
        if key in said:
            if not _is_id(said[key]):
                raise Implausible(f"{key} is no device")
            kept[key] = said[key]
    nodes: dict[str, Any] = {}
    left = PROPERTIES_MAX
    for name, node in _objects(said.get("nodes", {})):
        if _texts(node, "name", "type"):
            properties = dict(list(_legal(node.get("properties", {})))[:left])
            left -= len(properties)
            label = {"name": node["name"][:80]} if "name" in node else {}
            nodes[name] = {**label, "properties": properties}
    return {**kept, "nodes": nodes}


def _legal(properties: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, said in _objects(properties):
        kept: dict[str, Any] = {key: said[key] for key in FIELDS if key in said}
        if _is_legal(kept):
            yield name, kept


def _is_legal(said: Mapping[str, Any]) -> bool:
    flags = all(isinstance(said.get(key, False), bool) for key in ("settable", "retained"))
    if not flags or not _texts(said, "name", "format", "unit") or not isinstance(said.get("datatype"), str):
        return False
    try:
        codec(said)
    except Implausible:
        return False
    return True


def properties(description: Mapping[str, Any]) -> Iterator[Property]:
    """The properties of a trimmed description."""
    for node, about in dict_of(description.get("nodes")).items():
        for name, said in dict_of(dict_of(about).get("properties")).items():
            read, write, kind, more = codec(said)
            label = " ".join(filter(None, (dict_of(about).get("name", ""), said.get("name", ""))))[:80]
            settable = said.get("settable", False)
            base = Point(key=f"{node}_{name}", name=label, kind=kind, writable=settable, **more)
            point = _momentary(base) if _is_event(base, said) else _measured(base, name)
            yield Property(point, f"{node}/{name}", read, write)


def _is_event(point: Point, said: Mapping[str, Any]) -> bool:
    """Not retained: something that happens. A number is a value all the same, and so is a text that can be set."""
    if said.get("retained", True) or point.kind is Kind.NUMBER:
        return False
    return point.kind in (Kind.SWITCH, Kind.CHOICE) or not point.writable


def _momentary(point: Point) -> Point:
    options = ("true", "false") if point.kind is Kind.SWITCH else point.options
    quantity = "doorbell" if "doorbell" in point.key else "button"
    return point.named(point.key, kind=Kind.TRIGGER, quantity=quantity, options=options)


def _measured(point: Point, name: str) -> Point:
    if point.kind is Kind.NUMBER and not point.quantity:
        guess = NUMBERS.get(name) or UNITS.get(point.unit, "")
        return point.named(point.key, quantity=quantity_for(guess, point.unit))
    if point.kind is Kind.SWITCH and not point.writable:
        return point.named(point.key, quantity=STATES.get(name, ""))
    return point


def codec(said: Mapping[str, Any]) -> tuple[Reads, Writes, Kind, dict[str, Any]]:
    """How a property's payloads are read and written, and what its point is. Implausible for an illegal property."""
    datatype, given = said["datatype"], said.get("format", "")
    if datatype in ("integer", "float"):
        number: Callable[[str], float] = values.integer if datatype == "integer" else values.floating
        write: Writes = values.wish_integer if datatype == "integer" else values.wish_float
        return number, write, Kind.NUMBER, {**_range(given, number), "unit": _unit(said.get("unit", ""))}
    if datatype == "boolean":
        if given and (given.count(",") != 1 or "" in given.split(",")):
            raise Implausible("a boolean's format has two names")
        return values.boolean, values.wish_boolean, Kind.SWITCH, {}
    if datatype == "enum":
        options = tuple(given.split(","))
        if "" in options or len(set(options)) < len(options):
            raise Implausible("an enum's values are named once each, and none is empty")
        return (lambda payload: values.choice(payload, options)), _one_of(options), Kind.CHOICE, {"options": options}
    if datatype == "color":
        formats = tuple(given.split(","))
        if not set(formats) <= values.RANGES.keys():
            raise Implausible("a color's formats are rgb, hsv and xyz")
        return (lambda payload: values.colour(payload, formats)), values.wish_colour(formats), Kind.TEXT, {}
    if datatype == "duration":
        shape = {"unit": "s", "quantity": "duration", "minimum": 0}
        return values.duration_s, values.wish_duration, Kind.NUMBER, shape
    if datatype not in TEXTS:
        raise Implausible(f"unknown datatype {datatype:.40}")
    read, quantity = TEXTS[datatype]
    return read, values.wish_text if datatype == "string" else values.wish_read(read), Kind.TEXT, {"quantity": quantity}


TEXTS: Mapping[str, tuple[Reads, str]] = {
    "string": (lambda said: said[: values.TEXT_MAX], ""),
    "datetime": (values.instant, "timestamp"),
    "json": (values.document, ""),
}


def _one_of(options: tuple[str, ...]) -> Writes:
    return lambda key, value: wished_word(key, value, options)


def _range(given: str, read: Callable[[str], float]) -> dict[str, float]:
    """`[min]:[max][:step]`; both ends may be missing."""
    low, colon, rest = given.partition(":")
    high, has_step, step = rest.partition(":")
    found = {name: read(part) for name, part in (("minimum", low), ("maximum", high), ("step", step)) if part}
    if (given and not colon) or (has_step and not found.get("step", 0) > 0):
        raise Implausible(f"{given:.40} is no range")
    if found.get("minimum", -math.inf) > found.get("maximum", math.inf):
        raise Implausible(f"{given:.40} ends before it begins")
    return found


def _unit(given: str) -> str:
    """`#` counts things, which has no unit; reciprocal megakelvin are mired."""
    return {"#": "", "MK⁻¹": "mired"}.get(given, canonical(given[:20]))


def _objects(said: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in dict_of(said).items():
        if ID.fullmatch(name) and isinstance(one, dict):
            yield name, one


def _is_id(said: Any) -> bool:
    return isinstance(said, str) and ID.fullmatch(said) is not None


def _texts(said: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(said.get(key, ""), str) for key in keys)


def _word(value: Value) -> str:
    return str(value).lower()[:60] if isinstance(value, bool) else str(value)[:60]
