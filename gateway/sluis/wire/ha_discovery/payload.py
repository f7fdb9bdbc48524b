"""Discovery messages out: a device and its points to the configurations Home Assistant makes entities of.

What a point becomes:

    number   sensor, or number when it can be set        switch   binary_sensor, or switch
    choice   sensor (enum), or select                    text     sensor, or text
    trigger  event, or button

Written for Home Assistant 2024.3 and newer with one payload: `object_id` and `default_entity_id` both stand there,
classes that 2024.3 does not know are left out (it would refuse the entity), and the device form is an option.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sluis.model import Device, Kind, Point, Value
from sluis.model.units import MEASURED
from sluis.wire.ha_discovery.config import OUR_ORIGIN

Config = dict[str, Any]

NONE = "None"
"""The state of an entity whose value is not known."""

TEXT_MAX = 255
"""Characters of a state; Home Assistant refuses longer ones."""

STALE_AFTER = 2.5
"""Silence of this many intervals makes a value stale in the gateway; Home Assistant is given a little longer, because
the gateway will say so itself when it is alive."""

GRACE_S = 10

_NEWER = frozenset(
    (
        "absolute_humidity",
        "area",
        "blood_glucose_concentration",
        "conductivity",
        "energy_distance",
        "pm4",
        "reactive_energy",
        "temperature_delta",
    )
)
_CLASSES: Mapping[str, frozenset[str]] = {
    "sensor": frozenset(MEASURED) - _NEWER,
    "number": frozenset(MEASURED) - _NEWER,
    "binary_sensor": frozenset(
        (
            *("battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door", "gas"),
            *("heat", "light", "lock", "moisture", "motion", "moving", "occupancy", "opening", "plug", "power"),
            *("presence", "problem", "running", "safety", "smoke", "sound", "tamper", "update", "vibration", "window"),
        )
    ),
    "switch": frozenset(("outlet", "switch")),
    "button": frozenset(("identify", "restart", "update")),
    "event": frozenset(("button", "doorbell", "motion")),
}
_TOTALS = frozenset(("energy", "gas", "water"))
"""Quantities that only grow, until the meter is replaced."""

EVENTS = ("press", "single", "double", "triple", "hold", "release", "on")
"""Event types of a trigger that names none."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one gateway stands."""

    prefix: str
    node: str
    topic: str
    version: str

    @property
    def status(self) -> str:
        return f"{self.topic}/status"

    def state(self, device: str, point: str) -> str:
        return f"{self.topic}/{device}/{safe(point)}/state"

    def command(self, device: str, point: str) -> str:
        return f"{self.topic}/{device}/{safe(point)}/set"

    def availability(self, device: str) -> str:
        return f"{self.topic}/{device}/availability"

    def config(self, component: str, object_id: str) -> str:
        return f"{self.prefix}/{component}/{self.node}/{safe(object_id)}/config"

    def identifier(self, device: str) -> str:
        return f"{self.node}_{device}"

    @property
    def origin(self) -> Config:
        return {"name": OUR_ORIGIN, "sw_version": self.version}


@lru_cache(maxsize=10_000)
def safe(text: str) -> str:
    """Only what discovery topics may hold."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", text)


def component_of(point: Point) -> str:
    """Which kind of entity a point becomes."""
    read, written = {
        Kind.NUMBER: ("sensor", "number"),
        Kind.SWITCH: ("binary_sensor", "switch"),
        Kind.CHOICE: ("sensor", "select"),
        Kind.TEXT: ("sensor", "text"),
        Kind.TRIGGER: ("event", "button"),
    }[point.kind]
    return written if point.writable else read


def messages(
    device: Device, points: Iterable[Point], parent: str, layout: Layout, *, device_form: bool = False
) -> dict[str, Config]:
    """Discovery topic -> configuration, for one device. `parent` is the key of the device it hangs on, or ""."""
    about = _device(device, parent, layout)
    common: Config = {"availability": _availability(device.key, layout), "availability_mode": "all"}
    entities = {point.key: entity(device, point, layout) for point in points}
    if device_form:
        parts = {safe(key): {"platform": config.pop("component"), **config} for key, config in entities.items()}
        whole = {"device": about, "origin": layout.origin, **common, "components": parts}
        return {layout.config("device", device.key): whole} if parts else {}
    made: dict[str, Config] = {}
    for key, config in entities.items():
        topic = layout.config(config.pop("component"), f"{device.key}--{key}")
        made[topic] = {**config, **common, "device": about, "origin": layout.origin}
    return made


def gateway(layout: Layout, name: str) -> tuple[str, Config]:
    """The gateway itself: an entity that says whether it runs, and the device all others hang on."""
    config: Config = {
        "name": "Gateway",
        "unique_id": f"{layout.node}_gateway",
        "object_id": f"{layout.node}_gateway",
        "default_entity_id": f"binary_sensor.{layout.node}_gateway",
        "state_topic": layout.status,
        "payload_on": "online",
        "payload_off": "offline",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "device": {"identifiers": [layout.node], "name": name, "manufacturer": "Sluis", "sw_version": layout.version},
        "origin": layout.origin,
    }
    return layout.config("binary_sensor", "gateway"), config


def entity(device: Device, point: Point, layout: Layout) -> Config:
    """One point's configuration, with its `component` still in it."""
    component = component_of(point)
    name = point.name or point.key.replace("_", " ").capitalize()
    object_id = _slug(f"{device.label} {point.key}")
    config: Config = {
        "component": component,
        "name": name,
        "unique_id": f"{layout.node}_{device.key}_{point.key}",
        "object_id": object_id,
        "default_entity_id": f"{component}.{object_id}",
    }
    if component != "button":
        config["state_topic"] = layout.state(device.key, point.key)
    if point.writable:
        config["command_topic"] = layout.command(device.key, point.key)
    if point.quantity in _CLASSES.get(component, ()) and (component != "sensor" or point.kind is Kind.NUMBER):
        config["device_class"] = point.quantity
    if point.category:
        # Home Assistant takes "config" only for what can be set.
        config["entity_category"] = point.category if point.writable else "diagnostic"
    if component in ("sensor", "binary_sensor") and point.every_s is not None:
        config["expire_after"] = math.ceil(point.every_s * STALE_AFTER) + GRACE_S
    return config | _particular(component, point)


def _particular(component: str, point: Point) -> Config:
    """What only this component has."""
    if point.kind is Kind.NUMBER:
        unit: Config = {"unit_of_measurement": point.unit} if point.unit else {}
        return unit | (_range(point) if component == "number" else _state_class(point))
    if component == "sensor" and point.kind is Kind.CHOICE and point.options:
        return {"device_class": "enum", "options": list(point.options)}
    if component == "select":
        return {"options": list(point.options)}
    if component == "event":
        return {"event_types": list(point.options or EVENTS)}
    if component == "text":
        return {"max": TEXT_MAX}
    return {}


def _range(point: Point) -> Config:
    low = -1_000_000 if point.minimum is None else point.minimum
    high = 1_000_000 if point.maximum is None else point.maximum
    return {"min": low, "max": high, "step": max(point.step or 0.01, 0.001), "mode": "auto" if point.step else "box"}


def _state_class(point: Point) -> Config:
    if not (point.unit or point.quantity) or point.quantity == "monetary":
        return {}
    return {"state_class": "total_increasing" if point.quantity in _TOTALS else "measurement"}


def _device(device: Device, parent: str, layout: Layout) -> Config:
    told = {
        "identifiers": [layout.identifier(device.key)],
        "name": device.label,
        "manufacturer": device.vendor,
        "model": device.model,
        "serial_number": device.serial,
        "sw_version": device.firmware,
        "suggested_area": device.area,
        "via_device": layout.identifier(parent) if parent else layout.node,
    }
    return {key: value for key, value in told.items() if value}


def _availability(device: str, layout: Layout) -> list[Config]:
    return [{"topic": layout.status}, {"topic": layout.availability(device)}]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "entity"


def state(point: Point, value: Value | None) -> str:
    """What is published as the point's state; None for a value that is not known."""
    if value is None:
        return "" if point.kind is Kind.TEXT and point.writable else NONE
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return str(value)[:TEXT_MAX]


def wish(point: Point, payload: bytes) -> Value | None:
    """The value a command payload stands for. ValueError when it stands for none."""
    text = payload.decode()
    if point.kind is Kind.TRIGGER:
        return None
    if point.kind is Kind.SWITCH:
        return {"ON": True, "OFF": False}[text]
    if point.kind is Kind.NUMBER:
        number = float(text)
        return int(number) if number.is_integer() else number
    return text
