"""Line maps: the dialogue of a device that talks in lines, as TOML.

A map is data, the same for those that ship (`maps/*.toml`, part of this package) and for one that a person hands over
as text. Every key is documented in docs/drivers/line-device.md; whatever is wrong with a map is a ConfigError that
names the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files

from sluis.model import ConfigError, Kind, Point
from sluis.model.units import fits
from sluis.sdk.tables import Keys
from sluis_drivers.line.template import Template, template

MAX_TEXT = 65_536
"""Longest map, characters. Parsing is on the event loop, so it has to end soon."""
MAX_POINTS = 200
MAX_LINES = 50
"""Templates in one list. Each line that is heard is held against all of them."""

Number = (int, float)
MAP_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "vendor": str, "models": list, "source": str, "end": str, "send_end": str, "every_s": Number,
    "answer_s": Number, "gap_s": Number, "idle_s": Number, "speaks": bool, "greets": bool, "acknowledges": bool,
    "opening": list, "unit": str, "check": str, "check_skip": int, "ignore": list, "errors": dict, "points": dict,
}  # fmt: skip
POINT_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "quantity": str, "unit": str, "kind": str, "category": str, "minimum": Number, "maximum": Number,
    "step": Number, "settles_s": Number, "scale": Number, "offset": Number, "values": dict, "ask": str,
    "answer": (str, list), "hears": (str, list), "set": (str, dict),
}  # fmt: skip
CHECKS = ("", "xor", "sum")


@dataclass(frozen=True, slots=True)
class Rule:
    """A line, and what its captures say of which point."""

    template: Template
    scale: float = 1
    """Goes before that of the point."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One point: what it is, how it is asked, heard and set."""

    point: Point
    ask: bytes = b""
    answers: tuple[Rule, ...] = ()
    """Of these, only in answer to `ask`."""
    hears: tuple[Rule, ...] = ()
    """Of these, whenever they come."""
    set: Template | None = None
    sets: Mapping[str, bytes] = field(default_factory=dict)
    """Value -> line, where each value has a line of its own."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Value -> how it stands in lines; the first is sent."""
    scale: float = 1
    offset: float = 0


@dataclass(frozen=True, slots=True)
class LineMap:
    """All that is to be known of one family of devices."""

    name: str = ""
    vendor: str = ""
    source: str = ""
    end: bytes = b"\r\n"
    send_end: bytes = b"\r\n"
    every_s: float = 30.0
    answer_s: float = 1.0
    gap_s: float = 0.0
    idle_s: float = 10.0
    speaks: bool = False
    greets: bool = False
    acknowledges: bool = True
    opening: tuple[bytes, ...] = ()
    check: str = ""
    check_skip: int = 0
    ignore: tuple[Template, ...] = ()
    errors: tuple[tuple[Template, str], ...] = ()
    dialogues: Mapping[str, Dialogue] = field(default_factory=dict)


@cache
def shipped() -> Mapping[str, str]:
    """Name -> text of the maps that come with this package, read once."""
    found = sorted((files("sluis_drivers.line") / "maps").iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in found
        if file.name.endswith(".toml")
    }


@lru_cache(maxsize=64)
def parsed(text: str, where: str, unit: str, password: str) -> LineMap:
    """The map that a text is, for the device `unit`. ConfigError names the key that is wrong."""
    if len(text) > MAX_TEXT:
        raise ConfigError(f"is longer than {MAX_TEXT} characters", where=where)
    try:
        said = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}", where=where) from None
    return _Reader(Keys(said, where, MAP_KEYS), unit, password).map()


class _Reader:
    """Reads one map."""

    def __init__(self, top: Keys, unit: str, password: str) -> None:
        self.top = top
        self.fixed = {"unit": unit or top.get("unit", ""), "password": password}
        for name, text in self.fixed.items():
            if not text.isprintable() or not text.isascii():
                raise ConfigError("has a character that cannot stand in a line", where=f"{top.where}: {name}")
        self.send_end = top.get("send_end", top.get("end", "\r\n"))
        tables = top.get("points", {})
        if not tables or len(tables) > MAX_POINTS:
            raise ConfigError(f"needs one to {MAX_POINTS} [points.KEY]", where=f"{top.where}: points")
        self.tables = {key: Keys(table, f"{top.where}: points.{key}", POINT_KEYS) for key, table in tables.items()}
        self.values = {key: _values(keys) for key, keys in self.tables.items()}
        self.words = {key: [word for wires in values.values() for word in wires] for key, values in self.values.items()}

    def map(self) -> LineMap:
        top = self.top
        for key, text in (("end", top.get("end", "\r\n")), ("send_end", self.send_end)):
            if not text:
                raise top.wrong(key, "is empty")
        return LineMap(
            name=top.need("name"),
            vendor=top.get("vendor", ""),
            source=top.need("source"),
            end=_bytes(top, "end", top.get("end", "\r\n")),
            send_end=_bytes(top, "send_end", self.send_end),
            every_s=top.between("every_s", 30.0, 1.0, 86_400.0),
            answer_s=top.between("answer_s", 1.0, 0.05, 30.0),
            gap_s=top.between("gap_s", 0.0, 0.0, 5.0),
            idle_s=top.between("idle_s", 10.0, 0.0, 3_600.0),
            speaks=top.get("speaks", False),
            greets=top.get("greets", False),
            acknowledges=top.get("acknowledges", True),
            opening=tuple(self._line(top, "opening", line) for line in _texts(top, "opening") if self._wanted(line)),
            check=top.among("check", "", CHECKS),
            check_skip=top.between("check_skip", 0, 0, 32),
            ignore=tuple(self._template(top, "ignore", line, {}) for line in _texts(top, "ignore")),
            errors=self._errors(),
            dialogues={key: self._dialogue(key, keys) for key, keys in self.tables.items()},
        )

    def _wanted(self, line: str) -> bool:
        """A line with the password is left out where there is none."""
        return bool(self.fixed["password"]) or "{password}" not in line

    def _errors(self) -> tuple[tuple[Template, str], ...]:
        found: list[tuple[Template, str]] = []
        for line, sentence in self.top.get("errors", {}).items():
            if not isinstance(sentence, str) or not sentence:
                raise self.top.wrong("errors", f"{line!r:.40} has no sentence that says what is wrong")
            found.append((self._template(self.top, "errors", line, {}), sentence))
        return tuple(found)

    def _dialogue(self, key: str, keys: Keys) -> Dialogue:
        if not (key.isascii() and key.replace("_", "").isalnum() and key == key.lower() and len(key) <= 60):
            raise ConfigError("a key is lower-case letters, digits and _", where=keys.where)
        if key in self.fixed or key == "value":
            raise ConfigError("has a meaning of its own in templates", where=keys.where)
        ask = self._line(keys, "ask", keys.get("ask", "")) if keys.get("ask", "") else b""
        made = Dialogue(
            point=_point(
                key, keys, self.values[key], self.top.between("every_s", 30.0, 1.0, 86_400.0) if ask else None
            ),
            ask=ask,
            answers=self._rules(key, keys, "answer"),
            hears=self._rules(key, keys, "hears"),
            values=self.values[key],
            scale=keys.get("scale", 1),
            offset=keys.get("offset", 0),
        )
        if keys.get("scale", 1) == 0:
            raise keys.wrong("scale", "is 0")
        if made.answers and not ask:
            raise keys.wrong("answer", "needs `ask`: what would it be the answer to?")
        return self._setting(key, keys, made)

    def _setting(self, key: str, keys: Keys, made: Dialogue) -> Dialogue:
        wish = keys.get("set", "")
        if not wish:
            return made
        if isinstance(wish, dict):
            lines = {value: self._line(keys, "set", line) for value, line in wish.items() if isinstance(line, str)}
            if len(lines) != len(wish) or (self.values[key] and not lines.keys() <= self.values[key].keys()):
                raise keys.wrong("set", "a table has a line for values of this point")
            made = replace(made, sets=lines)
        else:
            pattern = self._template(keys, "set", wish, {"value": self.words[key]})
            if {capture.name for capture in pattern.captures} - {"value"}:
                raise keys.wrong("set", "can have {value} only")
            if not pattern.captures and made.point.kind is not Kind.TRIGGER:
                raise keys.wrong("set", "has no {value}")
            made = replace(made, set=pattern)
        options = made.point.options
        if made.point.kind is Kind.CHOICE and made.sets:
            options = tuple(made.values) or tuple(made.sets)
        if made.point.kind is Kind.TRIGGER and made.sets:
            options = tuple(made.sets)
        return replace(made, point=replace(made.point, writable=True, options=options))

    def _rules(self, key: str, keys: Keys, name: str) -> tuple[Rule, ...]:
        given = keys.get(name, [])
        rules: list[Rule] = []
        for one in [given] if isinstance(given, str) else given:
            line, scale = (one.get("line"), one.get("scale", 1)) if isinstance(one, dict) else (one, 1)
            if not isinstance(line, str) or not isinstance(scale, int | float) or scale == 0 or len(given) > MAX_LINES:
                raise keys.wrong(name, "is a line, or a list of lines and of { line = ..., scale = ... }")
            pattern = self._template(keys, name, line, {**self.words, "value": self.words[key]})
            for capture in pattern.captures:
                if capture.name not in ("value", "_", *self.tables):
                    raise keys.wrong(name, f"{{{capture.name}}} is no point of this map")
            rules.append(Rule(pattern, scale))
        return tuple(rules)

    def _template(self, keys: Keys, key: str, text: str, words: Mapping[str, Sequence[str]]) -> Template:
        try:
            made = template(text, self.fixed, words)
            text.encode("latin-1")
        except ValueError as error:
            raise keys.wrong(key, f"{text!r:.60} {error}") from None
        return made

    def _line(self, keys: Keys, key: str, text: str) -> bytes:
        """A line that is sent as it stands."""
        pattern = self._template(keys, key, text, {})
        if pattern.captures:
            raise keys.wrong(key, f"{text!r:.60} has a capture, and is sent as it stands")
        return pattern.write().encode("latin-1")


def _values(keys: Keys) -> Mapping[str, tuple[str, ...]]:
    """Value -> how it stands in lines."""
    found: dict[str, tuple[str, ...]] = {}
    for value, wires in keys.get("values", {}).items():
        listed = wires if isinstance(wires, list) else [wires]
        if not listed or not all(isinstance(wire, str) and wire for wire in listed):
            raise keys.wrong("values", f"{value!r:.40} stands for a text, or a list of texts")
        found[value] = tuple(listed)
    wires = [wire for listed in found.values() for wire in listed]
    if len(set(wires)) != len(wires):
        raise keys.wrong("values", "two values stand for the same text")
    return found


def _point(key: str, keys: Keys, values: Mapping[str, tuple[str, ...]], every_s: float | None) -> Point:
    words = set(values) or (set(keys.said["set"]) if isinstance(keys.get("set", ""), dict) else set())
    if words:
        usual = "switch" if words == {"on", "off"} else "choice"
    else:
        usual = "number" if keys.get("answer", "") or keys.get("hears", "") else "trigger"
    kind = Kind(keys.among("kind", usual, [one.value for one in Kind]))
    if kind is Kind.SWITCH and words != {"on", "off"}:
        raise keys.wrong("values", "a switch has the values on and off")
    point = Point(
        keys.get("quantity", ""),
        keys.get("unit", ""),
        kind=kind,
        minimum=keys.get("minimum", None),
        maximum=keys.get("maximum", None),
        step=keys.get("step", None),
        options=tuple(values) if kind is Kind.CHOICE else (),
        every_s=every_s,
        settles_s=keys.get("settles_s", None),
        key=key,
        name=keys.get("name", ""),
        category=keys.among("category", "", ("", "diagnostic", "config")),
    )
    if problem := fits(point):
        raise keys.wrong("unit" if kind is not Kind.NUMBER or point.quantity else "quantity", problem)
    return point


def _texts(keys: Keys, key: str) -> list[str]:
    given = keys.get(key, [])
    if len(given) > MAX_LINES or not all(isinstance(one, str) for one in given):
        raise keys.wrong(key, f"is a list of at most {MAX_LINES} texts")
    return list(given)


def _bytes(keys: Keys, key: str, text: str) -> bytes:
    try:
        return str(text).encode("latin-1")
    except UnicodeEncodeError:
        raise keys.wrong(key, "has a character that is no byte") from None
