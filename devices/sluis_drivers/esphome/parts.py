"""What every ESPHome entity's points are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluis.model.units import canonical, quantity_for
from sluis.sdk import Implausible, Kind, Occurrence, Point, Quality, Reading, Value
from sluis.sdk.payload import limit_of, list_of, number_of, text_of, wished_number, wished_switch, wished_word

CATEGORIES = ("", "config", "diagnostic")
"""`entity_category`: none, config, diagnostic."""

Said = Mapping[str, Any]
Read = Callable[[Point, Said], Reading | Occurrence | None]
Write = Callable[[str, Value | None], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One point of an entity: how it is read from the entity's state, and the arguments of the command that sets it."""

    point: Point
    read: Read | None = field(default=None, compare=False)
    write: Write | None = field(default=None, compare=False)


class Entity:
    """One entity, while its parts are put together."""

    def __init__(self, said: Said, key: str, name: str) -> None:
        self.said = said
        self.key = key
        self.name = name
        self.parts: list[Part] = []
        number = said.get("entity_category")
        self._category = CATEGORIES[number] if isinstance(number, int) and 0 <= number < len(CATEGORIES) else ""

    def add(self, suffix: str = "", read: Read | None = None, write: Write | None = None, **about: Any) -> None:
        """A point `<entity>` or `<entity>_<suffix>`; writable when it can be written."""
        key = f"{self.key}_{suffix}" if suffix else self.key
        name = " ".join(filter(None, (self.name, suffix.replace("_", " "))))
        about.setdefault("category", self._category)
        point = Point(key=key, name=name, writable=write is not None, **about)
        self.parts.append(Part(point, read, write))

    def text(self, key: str) -> str:
        return text_of(self.said.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (text_of(one) for one in list_of(self.said.get(key))[:200]))))

    def numbers(self, key: str) -> tuple[int, ...]:
        return tuple(one for one in list_of(self.said.get(key))[:50] if type(one) is int)

    def limit(self, key: str) -> float | None:
        return limit_of(self.said.get(key))

    def flags(self, key: str) -> int:
        number = self.said.get(key)
        return number if type(number) is int else 0

    def has(self, *keys: str) -> bool:
        return any(self.said.get(key) is True for key in keys)

    def span(self, low: str, high: str, step: str = "") -> dict[str, Any]:
        """A range where it is one; a node that sets none sends zeros."""
        least, most, each = self.limit(low), self.limit(high), self.limit(step) if step else None
        if least is None or most is None or least >= most:
            return {}
        return {"minimum": least, "maximum": most, **({"step": each} if each and each > 0 else {})}

    def measure(self) -> dict[str, Any]:
        unit = canonical(text_of(self.said.get("unit_of_measurement"), 20))
        return {"unit": unit, "quantity": quantity_for(self.text("device_class"), unit)}


# -- reading ----------------------------------------------------------------------------------------------


def number(key: str, *, scale: float = 1, unknown: bool = False) -> Read:
    """A number; null (NaN) says nothing, or with `unknown` that the sensor has no value."""

    def read(point: Point, said: Said) -> Reading | None:
        if said.get(key) is None:
            return point(0.0, Quality.BAD) if unknown else None
        return point(round(number_of(said[key]) * scale, 6))

    return read


def switch(key: str) -> Read:
    def read(point: Point, said: Said) -> Reading:
        if not isinstance(said.get(key), bool):
            raise Implausible(f"{point.key}: {str(said.get(key))[:40]!r} is neither true nor false")
        return point(said[key])

    return read


def words(key: str, names: Mapping[int, str], *, own: str = "") -> Read:
    """A numbered word; a text in the field `own` goes before it. Numbers of a later version say nothing."""

    def read(point: Point, said: Said) -> Reading | None:
        if own and text_of(said.get(own)):
            return point(text_of(said[own]))
        index = said.get(key)
        word = names.get(index) if type(index) is int else None
        return point(word) if word is not None else None

    return read


def text(key: str) -> Read:
    def read(point: Point, said: Said) -> Reading:
        if not isinstance(said.get(key), str):
            raise Implausible(f"{point.key}: {str(said.get(key))[:40]!r} is not text")
        return point(said[key][:255])

    return read


# -- writing ----------------------------------------------------------------------------------------------


def sends_number(key: str, *, scale: float = 1, **more: Any) -> Write:
    return lambda point, value: {key: wished_number(point, value) * scale, **more}


def sends_switch(key: str) -> Write:
    return lambda point, value: {key: wished_switch(point, value)}


def sends_word(key: str, options: tuple[str, ...]) -> Write:
    return lambda point, value: {key: wished_word(point, value, options)}


def sends_index(key: str, names: Mapping[int, str], options: tuple[str, ...], own: str = "") -> Write:
    """The number of a word; a word that has none goes into the field `own`."""
    numbers = {word: index for index, word in names.items()}

    def write(point: str, value: Value | None) -> dict[str, Any]:
        word = wished_word(point, value, options)
        return {key: numbers[word]} if word in numbers else {own: word}

    return write


def numbered(*names: str) -> dict[int, str]:
    return dict(enumerate(names))


def known(names: Mapping[int, str], listed: Sequence[int], *own: str) -> tuple[str, ...]:
    """The words of the numbers that a node lists, and its own words."""
    return tuple(dict.fromkeys([*(names[one] for one in listed if one in names), *own]))


CHOICE: Mapping[str, Any] = {"kind": Kind.CHOICE}
SWITCH: Mapping[str, Any] = {"kind": Kind.SWITCH}
TEXT: Mapping[str, Any] = {"kind": Kind.TEXT}
TRIGGER: Mapping[str, Any] = {"kind": Kind.TRIGGER}
PERCENT: Mapping[str, Any] = {"unit": "%", "minimum": 0, "maximum": 100}
