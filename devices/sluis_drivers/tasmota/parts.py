"""What a Tasmota device is made of, from what it announced: each part reads one value and may take one command.

`path` is where the value stands in STATE, RESULT and SENSOR messages (see device.py for the frames).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluis.model.units import canonical, quantity_for
from sluis.sdk import Implausible, Kind, Occurrence, Point, Reading, Value
from sluis.sdk.payload import dict_of, list_of, number_of, text_of, wished_number, wished_switch, wished_word
from sluis_drivers.tasmota.quantities import NAMES, NOT_ENERGY

Path = tuple[str | int, ...]
SENSOR_EVERY_S = 3600.0
"""Longest TelePeriod the firmware takes. The device does not announce its own (300 s as delivered); a shorter guess
would call a slow but healthy sensor stale. Whether the device is there at all its will says at once."""
MAX_POINTS = 300
"""A device with more sensors than this is no device; the rest is left out so that it costs us nothing."""
BOTH_WAYS = frozenset({1, 2, 3, 4, 5, 6, 9, 10, 13, 14, 15, 16})
"""Switch modes in which a switch has a state, not just presses (hatasmota's table of SwitchMode)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One point, where its value stands, how to read it and how to command it."""

    point: Point
    path: tuple[str, *tuple[str | int, ...]]
    read: Callable[[Any], Reading | Occurrence | None]
    command: Callable[[Value | None], tuple[str, str]] | None = None
    """Value -> command name and its words. CommandError when the value does not fit."""


@dataclass(frozen=True, slots=True)
class Config:
    """The announcement, with every field of the type it should have."""

    native_id: str
    said: Mapping[str, Any]

    @classmethod
    def of(cls, native_id: str, said: object) -> Config:
        return cls(native_id, dict_of(said))

    def topic(self, prefix: str) -> str:
        """Full topic of `cmnd`, `stat` or `tele`, with its last slash; "" when nothing was announced."""
        prefixes = [text_of(word) for word in list_of(self.said.get("tp"))]
        place = ("cmnd", "stat", "tele").index(prefix)
        full, topic = text_of(self.said.get("ft"), 200), text_of(self.said.get("t"), 200)
        if not full or not topic or {"+", "#"} & set(full + topic):
            return ""
        full = full.replace("%prefix%", prefixes[place] if place < len(prefixes) else prefix)
        full = full.replace("%topic%", topic).replace("%hostname%", text_of(self.said.get("hn")))
        full = full.replace("%id%", text_of(self.said.get("mac"))[-6:])
        return full if full.endswith("/") else full + "/"

    def option(self, number: str) -> bool:
        """SetOption<number>, of those that are announced."""
        return dict_of(self.said.get("so")).get(number) == 1

    def places(self, kind: int) -> list[int]:
        """Places (from 1) in the list of relays that hold this kind."""
        return [place for place, held in enumerate(list_of(self.said.get("rl"))[:32], 1) if held == kind]

    def name(self, place: int) -> str:
        """Friendly name of the relay at this place, when it says more than the device's own name."""
        names = list_of(self.said.get("fn"))
        name = text_of(names[place - 1]) if place <= len(names) else ""
        return "" if name == self.said.get("dn") else name

    @property
    def online(self) -> str:
        return text_of(self.said.get("onln")) or "Online"

    @property
    def offline(self) -> str:
        return text_of(self.said.get("ofln")) or "Offline"

    @property
    def words(self) -> Mapping[str, bool]:
        """What the device calls on and off (StateText)."""
        off, on = ([*map(text_of, list_of(self.said.get("state"))), "", ""])[:2]
        return {"OFF": False, "ON": True, **({off: False} if off else {}), **({on: True} if on else {})}


def dig(value: Any, path: Path) -> Any:
    """The value at the end of a path; None when it does not lead anywhere."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def relays(config: Config, sensors_said: object) -> Iterator[Part]:
    """Relays: POWER (one) or POWERn (several; also with one, under SetOption26)."""
    places = config.places(1)
    paths = list_of(dict_of(sensors_said).get("paths"))
    proof = "power" if len(places) == 1 and ["ENERGY", "Power"] in paths else ""
    for place in places:
        key = "relay" if len(places) == 1 else f"relay_{place}"
        point = Point("switch", kind=Kind.SWITCH, writable=True, key=key, name=config.name(place), proof=proof)
        yield from _power(config, point, place)


def _power(config: Config, point: Point, place: int) -> Iterator[Part]:
    """An on/off output. The first one of a device may be called POWER or POWER1."""
    words = config.words

    def read(value: Any) -> Reading | None:
        return None if value is None else point(_word(words, value))

    def command(value: Value | None) -> tuple[str, str]:
        return f"POWER{place}", "ON" if wished_switch(point.key, value) else "OFF"

    yield Part(point, (f"POWER{place}",), read, command)
    if place == 1:
        yield Part(point, ("POWER",), read, command)


def lights(config: Config) -> Iterator[Part]:
    """Lights: on/off, and by light type dimmer, colour temperature, hue and saturation."""
    places = config.places(2)
    subtype = config.said.get("lt_st")
    for order, place in enumerate(places, 1):
        tail = "" if len(places) == 1 else f"_{order}"
        switch = Point("light", kind=Kind.SWITCH, writable=True, key=f"light{tail}", name=config.name(place))
        yield from _power(config, switch, place)
        channel = f"Channel{order}" if config.option("68") else "Dimmer" if len(places) == 1 else f"Dimmer{order}"
        yield _level(Point("", "%", minimum=0, maximum=100, step=1, key=f"brightness{tail}"), channel)
    if places and subtype in (2, 5):
        low, high = (200, 380) if config.option("82") else (153, 500)
        yield _level(Point("", "mired", minimum=low, maximum=high, step=1, key="color_temp"), "CT")
    if places and subtype in (3, 4, 5):
        yield _level(Point("", "°", minimum=0, maximum=360, step=1, key="hue"), "HSBColor1", ("HSBColor",), 0)
        yield _level(Point("", "%", minimum=0, maximum=100, step=1, key="saturation"), "HSBColor2", ("HSBColor",), 1)


def _level(point: Point, name: str, path: tuple[str] | None = None, field: int | None = None) -> Part:
    """A number that the command of the same name sets; `field` of a comma-separated list where it is one of many."""
    point = replace(point, writable=True)

    def read(value: Any) -> Reading | None:
        if value is None:
            return None
        return point(number_of(value) if field is None else _field(value, field))

    def command(value: Value | None) -> tuple[str, str]:
        return name, f"{wished_number(point.key, value):.0f}"

    return Part(point, path or (name,), read, command)


def _field(value: object, field: int) -> float:
    fields = text_of(value).split(",")
    if field >= len(fields) or not fields[field].isascii() or not fields[field].isdigit():
        raise Implausible(f"{text_of(value)!r} is no list of numbers")
    return int(fields[field])


def shutters(config: Config) -> Iterator[Part]:
    """Shutters: position (100 is open) and open, close, stop. Two relays each."""
    inverted = list_of(config.said.get("sho"))
    for number in range(1, len(config.places(3)) // 2 + 1):
        turn = number <= len(inverted) and inverted[number - 1] in (1, 3, 5, 7)
        yield _position(f"Shutter{number}", f"shutter_{number}", turn=turn)
        moves = Point("cover", kind=Kind.TRIGGER, options=("open", "close", "stop"), key=f"shutter_{number}_move")
        yield _moves(moves.named(moves.key, writable=True), number)


def _position(name: str, key: str, *, turn: bool) -> Part:
    point = Point("", "%", minimum=0, maximum=100, step=1, writable=True, key=key)

    def read(value: Any) -> Reading | None:
        position = dig(value, ("Position",))
        if position is None:
            return None
        return point(100 - number_of(position) if turn else number_of(position))

    def command(value: Value | None) -> tuple[str, str]:
        position = wished_number(key, value)
        return name.replace("Shutter", "ShutterPosition"), f"{100 - position if turn else position:.0f}"

    return Part(point, (name,), read, command)


def _moves(point: Point, number: int) -> Part:
    def command(value: Value | None) -> tuple[str, str]:
        return f"Shutter{wished_word(point.key, value, point.options).title()}{number}", ""

    return Part(point, (f"Shutter{number}",), lambda value: None, command)


def contacts(config: Config) -> Iterator[Part]:
    """Switches that have a state, and buttons that send presses (SetOption73)."""
    for place, mode in enumerate(list_of(config.said.get("swc"))[:32], 1):
        if isinstance(mode, int) and not isinstance(mode, bool) and mode in BOTH_WAYS:
            yield _contact(Point("", kind=Kind.SWITCH, key=f"switch_{place}"), f"Switch{place}", config.words)
    for place, there in enumerate(list_of(config.said.get("btn"))[:32], 1):
        if config.option("73") and there == 1:
            yield _button(place)


def _contact(point: Point, name: str, words: Mapping[str, bool]) -> Part:
    def read(value: Any) -> Reading | None:
        value = value.get("Action") if isinstance(value, dict) else value
        return point(words[value]) if isinstance(value, str) and value in words else None

    return Part(point, (name,), read)


def _button(place: int) -> Part:
    presses = ("single", "double", "triple", "quad", "penta", "hold")
    point = Point("button", kind=Kind.TRIGGER, options=presses, key=f"button_{place}")

    def read(value: Any) -> Occurrence | None:
        action = text_of(value).lower()
        return point.occurred(action) if action in presses else None

    return Part(point, (f"Button{place}", "Action"), read)


def shape(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sensors announcement lasts: the paths of its numbers and its units, not the values."""
    sensors = said.get("sn")
    if not isinstance(sensors, dict):
        raise Implausible("sn is no object")
    units = {key: text_of(value, 20) for key, value in sensors.items() if key.endswith("Unit") and text_of(value)}
    return {"paths": [list(path) for path in _paths(sensors, ())][:MAX_POINTS], "units": units}


def _paths(said: Any, path: Path) -> Iterator[Path]:
    """Paths of numbers (and nulls: a sensor that did not answer just now), at most three deep."""
    if isinstance(said, dict) and len(path) < 3:
        for key, value in said.items():
            yield from _paths(value, (*path, key))
    elif isinstance(said, list) and len(path) < 3:
        for place, value in enumerate(said[:8]):
            yield from _paths(value, (*path, place))
    elif len(path) > 1 and (said is None or (isinstance(said, int | float) and not isinstance(said, bool))):
        yield path


def sensors(said: object) -> Iterator[Part]:
    """Numbers of SENSOR messages. What stands under ENERGY is the device's own meter and needs no prefix."""
    units = dict_of(dict_of(said).get("units"))
    taken: set[str] = set()
    for path in list_of(dict_of(said).get("paths")):
        if isinstance(path, list) and len(path) > 1 and isinstance(path[0], str):
            point = _measured(tuple(path), units)
            if point.key not in taken:
                taken.add(point.key)
                yield Part(point, (path[0], *path[1:]), _reader(point))


def _reader(point: Point) -> Callable[[Any], Reading | None]:
    return lambda value: None if value is None else point(number_of(value))


def _measured(path: Path, units: Mapping[str, Any]) -> Point:
    name = next((step for step in reversed(path) if isinstance(step, str) and step in NAMES), str(path[-1]))
    label, quantity, unit = NAMES.get(name, ("", "", ""))
    if path[0] in NOT_ENERGY and name == "Energy":
        quantity, unit = "", ""
    unit = canonical(text_of(units.get(unit), 20)) if unit.endswith("Unit") else unit
    steps = list(path[1:] if path[0] == "ENERGY" else path)
    if label and name in steps:
        steps[steps.index(name)] = label
    key = "_".join(str(step + 1) if isinstance(step, int) else _plain(step) for step in steps)
    return Point(quantity_for(quantity, unit), unit, key=key[:80], every_s=SENSOR_EVERY_S)


def _plain(name: str) -> str:
    return "".join(char if char.isalnum() and char.isascii() else "_" for char in name.lower()) or "value"


def health() -> Iterator[Part]:
    """What every Tasmota device says of itself in STATE."""
    signal = Point("signal_strength", "dBm", key="signal", category="diagnostic", every_s=SENSOR_EVERY_S)
    uptime = Point("duration", "s", key="uptime", category="diagnostic", every_s=SENSOR_EVERY_S)
    yield Part(signal, ("Wifi", "Signal"), _reader(signal))
    yield Part(uptime, ("UptimeSec",), _reader(uptime))


def _word(words: Mapping[str, bool], value: object) -> bool:
    if not isinstance(value, str) or value not in words:
        raise Implausible(f"{str(value)[:40]!r} is neither on nor off")
    return words[value]
