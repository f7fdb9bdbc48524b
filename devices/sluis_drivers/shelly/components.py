"""The components of a Shelly device of generation 2 and later, and what their status objects hold.

After the Gen2+ API documentation, Components and Services (Switch, Light, Cover, Input, PM1, EM, EMData,
Temperature, Humidity, Illuminance, DevicePower, Voltmeter, Smoke, Flood, WiFi), firmware 1.4 to 1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluis.sdk import Kind, Point
from sluis.sdk.payload import dict_of, text_of, wished_number, wished_switch, wished_word

EVENTS = ("btn_down", "btn_up", "single_push", "double_push", "triple_push", "long_push")
"""What an input of type button tells."""
COVER_STATES = ("open", "closed", "opening", "closing", "stopped", "calibrating")
COVER_MOVES = {"open": "Cover.Open", "close": "Cover.Close", "stop": "Cover.Stop"}
MAX_COMPONENTS = 100

_PERCENT = Point("", "%", minimum=0, maximum=100, step=1)
_SWITCH = Point("switch", kind=Kind.SWITCH)
_LIGHT = Point("light", kind=Kind.SWITCH)
_DIAGNOSTIC = Point("temperature", "°C", category="diagnostic")

METER: Mapping[tuple[str, ...], tuple[str, Point]] = {
    ("apower",): ("power", Point("power", "W")),
    ("voltage",): ("voltage", Point("voltage", "V")),
    ("current",): ("current", Point("current", "A")),
    ("pf",): ("power_factor", Point("power_factor")),
    ("freq",): ("frequency", Point("frequency", "Hz", category="diagnostic")),
    ("aenergy", "total"): ("energy", Point("energy", "Wh")),
    ("ret_aenergy", "total"): ("energy_returned", Point("energy", "Wh")),
    ("temperature", "tC"): ("temperature", _DIAGNOSTIC),
}
"""Status fields of everything that meters: path -> (tail of the point's key, point)."""

PHASES: Mapping[tuple[str, ...], tuple[str, Point]] = {
    (f"{phase}_{field}",): (f"{phase}_{name}", Point(quantity, unit))
    for phase in ("a", "b", "c")
    for field, name, quantity, unit in (
        ("act_power", "power", "power", "W"),
        ("aprt_power", "apparent_power", "apparent_power", "VA"),
        ("voltage", "voltage", "voltage", "V"),
        ("current", "current", "current", "A"),
        ("pf", "power_factor", "power_factor", ""),
        ("freq", "frequency", "frequency", "Hz"),
    )
}

FIELDS: Mapping[str, Mapping[tuple[str, ...], tuple[str, Point]]] = {
    "switch": {("output",): ("", _SWITCH), **METER},
    "light": {("output",): ("", _LIGHT), ("brightness",): ("brightness", _PERCENT), **METER},
    "cover": {
        ("state",): ("", Point("cover", kind=Kind.CHOICE, options=COVER_STATES)),
        ("current_pos",): ("position", _PERCENT),
        **METER,
    },
    "pm1": METER,
    "em": {
        ("total_act_power",): ("power", Point("power", "W")),
        ("total_aprt_power",): ("apparent_power", Point("apparent_power", "VA")),
        ("total_current",): ("current", Point("current", "A")),
        **PHASES,
    },
    "emdata": {
        ("total_act",): ("energy", Point("energy", "Wh")),
        ("total_act_ret",): ("energy_returned", Point("energy", "Wh")),
    },
    "input": {("state",): ("", Point("", kind=Kind.SWITCH)), ("percent",): ("level", Point("", "%"))},
    "temperature": {("tC",): ("", Point("temperature", "°C"))},
    "humidity": {("rh",): ("", Point("humidity", "%", minimum=0, maximum=100))},
    "illuminance": {("lux",): ("", Point("illuminance", "lx"))},
    "voltmeter": {("voltage",): ("", Point("voltage", "V"))},
    "smoke": {("alarm",): ("", Point("smoke", kind=Kind.SWITCH))},
    "flood": {("alarm",): ("", Point("moisture", kind=Kind.SWITCH))},
    "devicepower": {
        ("battery", "percent"): ("battery", Point("battery", "%", minimum=0, maximum=100)),
        ("battery", "V"): ("voltage", Point("voltage", "V", category="diagnostic")),
        ("external", "present"): ("external", Point("plug", kind=Kind.SWITCH, category="diagnostic")),
    },
    "wifi": {("rssi",): ("signal", Point("signal_strength", "dBm", category="diagnostic"))},
    "sys": {("uptime",): ("uptime", Point("duration", "s", category="diagnostic"))},
}
"""Component type -> its fields."""


@dataclass(frozen=True, slots=True)
class Field:
    """One point of one component, and the path of its value in the component's status."""

    point: Point
    path: tuple[str, ...]
    call: Callable[[Any], tuple[str, dict[str, Any]]] | None = None
    """Value -> RPC method and its parameters. CommandError when the value does not fit."""


def shape(status: Mapping[str, Any]) -> dict[str, Any]:
    """Which components there are and which of their fields, not the values: `{"switch:0": ["output", ...]}`."""
    found: dict[str, Any] = {}
    for name, said in list(status.items())[:MAX_COMPONENTS]:
        fields = [".".join(path) for path in FIELDS.get(kind_of(name), {}) if has(said, path)]
        if fields or kind_of(name) == "input":
            found[name] = fields
    return found


def kind_of(component: str) -> str:
    """`switch` of `switch:0`."""
    return component.partition(":")[0]


def has(said: Any, path: tuple[str, ...]) -> bool:
    """Whether a status has the field, be it null (a position or a temperature that is not known now)."""
    for step in path:
        if not isinstance(said, dict) or step not in said:
            return False
        said = said[step]
    return not isinstance(said, dict | list)


def fields_of(component: str, names: Any, config: Mapping[str, Any]) -> Iterator[Field]:
    """The points of one component."""
    kind, _, number = component.partition(":")
    stem = component.replace(":", "_")
    label = text_of(config.get("name"))
    held = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    if kind == "input" and config.get("type") == "button":
        yield Field(Point("button", kind=Kind.TRIGGER, options=EVENTS, key=stem, name=label), ())
        return
    number_id = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else None
    for path, (tail, point) in FIELDS[kind].items():
        if ".".join(path) in held:
            key = f"{stem}_{tail}" if tail else stem
            proof = f"{stem}_power" if path == ("output",) and "apower" in held else ""
            made = replace(point, key=key, name=label if not tail else "", proof=proof)
            call = None if number_id is None else _call(kind, path, number_id, key)
            yield Field(replace(made, writable=call is not None), path, call)
    if kind == "cover" and number_id is not None:
        yield _moves(number_id, f"{stem}_move")


def _call(
    kind: str, path: tuple[str, ...], number: int, key: str
) -> Callable[[Any], tuple[str, dict[str, Any]]] | None:
    if path == ("output",):
        method = f"{kind.title()}.Set"
        return lambda value: (method, {"id": number, "on": wished_switch(key, value)})
    if path == ("brightness",):
        return lambda value: ("Light.Set", {"id": number, "brightness": round(wished_number(key, value))})
    if path == ("current_pos",):
        return lambda value: ("Cover.GoToPosition", {"id": number, "pos": round(wished_number(key, value))})
    return None


def _moves(number: int, key: str) -> Field:
    point = Point("cover", kind=Kind.TRIGGER, options=tuple(COVER_MOVES), writable=True, key=key)
    return Field(point, (), lambda value: (COVER_MOVES[wished_word(key, value, point.options)], {"id": number}))


def configs(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of the components' configuration the points need: name and type of input."""
    found: dict[str, Any] = {}
    for name, config in list(said.items())[:MAX_COMPONENTS]:
        kept = {key: text_of(dict_of(config).get(key)) for key in ("name", "type") if text_of(dict_of(config).get(key))}
        if kept and kind_of(name) in FIELDS:
            found[name] = kept
    return found
