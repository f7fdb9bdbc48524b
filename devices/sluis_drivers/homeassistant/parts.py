"""What an entity is made of: an options reader, points, what reads frames into them, what writes wishes out of them.

Every component (`sensor`, `light` ...) turns its configuration into one `Entity`. The frames of a topic go to all
readers of that topic, so a topic that carries the states of twenty entities is decoded from JSON once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sluis.model import OutOfRange
from sluis.model.units import fits
from sluis.sdk import Decoded, Frame, Implausible, Kind, Point, Quality, Reading, Value
from sluis.wire.ha_discovery.config import as_list
from sluis.wire.templates import TemplateFailed, compile_template
from sluis.wire.templates.template import MISSING, parse_json

NONE = "None"
"""What a device (or a template) says when it has no value."""

TOPIC_MAX = 512
"""Characters of a topic; the protocol allows 65,535, no device uses 200."""


MOST = 2.0**53
"""Numbers of this size and more lose their last digits on the way through JSON."""


class Unusable(Exception):
    """This entity's configuration cannot be used; the device's other entities can."""


class Incoming:
    """A frame's payload as templates see it. JSON is decoded when the first template asks for it."""

    __slots__ = ("_json", "_text", "frame")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._text: str | None = None
        self._json: Any = self

    @property
    def text(self) -> str:
        if self._text is None:
            try:
                self._text = self.frame.data.decode()
            except UnicodeDecodeError as error:
                raise Implausible(f"no UTF-8: {error.reason}") from error
        return self._text

    @property
    def json(self) -> Any:
        """MISSING when the payload is no JSON."""
        if self._json is self:
            self._json = parse_json(self.frame.data)
        return self._json

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.frame.stamp.at_us / 1e6, UTC)


Render = Callable[[Incoming], str]
Read = Callable[[Incoming], Iterable[Decoded]]
Write = Callable[[Value | None], Iterable["Message"]]


@dataclass(frozen=True, slots=True)
class Message:
    """What to publish for a command."""

    topic: str
    payload: str
    retain: bool = False


@dataclass(slots=True)
class Entity:
    """Points of one entity and how they are read and written."""

    config: Options
    points: list[Point] = field(default_factory=list)
    reads: list[tuple[str, Read]] = field(default_factory=list)
    writes: dict[str, Write] = field(default_factory=dict)

    def add(
        self,
        suffix: str = "",
        *,
        topic: str = "",
        read: Callable[[Point], Read] | None = None,
        write: Write | None = None,
        part: str = "",
        **declared: Any,
    ) -> Point:
        """A point of this entity; `suffix` tells it from the entity's main point, `part` names it for people."""
        config = self.config
        key = f"{config.key}_{suffix}" if suffix else config.key
        name = " ".join(word for word in (config.name, part) if word)
        optimistic = write is not None and (not topic or config.flag("optimistic")) and not declared.get("trigger")
        declared.pop("trigger", None)
        point = Point(
            key=key,
            name=name,
            category=declared.pop("category", config.category),
            writable=write is not None,
            meta={"optimistic": True} if optimistic else {},
            **declared,
        )
        if fits(point):
            # A class and a unit that do not belong together: the unit is what the device really sends.
            point = replace(point, quantity="")
        self.points.append(point)
        if topic and read is not None:
            self.reads.append((topic, read(point)))
        if write is not None:
            self.writes[key] = write
        return point


@dataclass(frozen=True, slots=True)
class Options:
    """One entity's configuration, read with its defaults. Unusable when an option is of the wrong kind."""

    raw: Mapping[str, Any]
    key: str
    name: str = ""

    @property
    def category(self) -> str:
        wanted = self.raw.get("entity_category")
        return wanted if wanted in ("diagnostic", "config") else ""

    @property
    def quantity(self) -> str:
        return self.text("device_class").lower()

    def text(self, key: str, default: str = "") -> str:
        value = self.raw.get(key)
        if value is None:
            return default
        if isinstance(value, bool):
            # YAML habits: payload_on: true. Home Assistant takes the text of it.
            return str(value)
        if isinstance(value, str | int | float):
            return str(value)
        raise Unusable(f"{key} is not text")

    def number(self, key: str, default: float) -> float:
        value = self.raw.get(key, default)
        try:
            number = float(default if value is None else value)
        except (TypeError, ValueError, OverflowError) as error:
            raise Unusable(f"{key} is not a number") from error
        if not math.isfinite(number):
            raise Unusable(f"{key} is not a number")
        return number

    def maybe(self, key: str) -> float | None:
        return None if self.raw.get(key) is None else self.number(key, 0)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.raw.get(key, default)
        return value.lower() in ("true", "yes", "on", "1", "enable") if isinstance(value, str) else bool(value)

    def choices(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        value = self.raw.get(key)
        found = list(default) if value is None else as_list(value)
        return tuple(dict.fromkeys(str(one) for one in found if isinstance(one, str | int | float)))[:200]

    def topic(self, key: str) -> str:
        """A topic, or "" for none. What is read may be a filter (`+/+/BTtoMQTT/A4C138AABBCC`); what is sent to, not."""
        value = self.text(key)
        sent_to = key.endswith("command_topic") or key.startswith("set_")
        return "" if not value else checked_topic(value) if sent_to else checked_filter(value)

    def required(self, key: str) -> str:
        topic = self.topic(key)
        if not topic:
            raise Unusable(f"{key} is missing")
        return topic

    def render(self, key: str = "value_template", variables: Mapping[str, Any] | None = None) -> Render:
        """What turns a payload into text: the template under `key`, or the payload itself."""
        source = self.raw.get(key)
        if source is None:
            return _as_it_is
        if not isinstance(source, str):
            raise Unusable(f"{key} is not a template")
        if "{" not in source:
            return lambda incoming: source
        return _templated(source, variables)

    def fill(self, key: str = "command_template") -> Callable[..., str]:
        """What turns a value into the payload of a command: the template under `key`, or the value itself."""
        source = self.raw.get(key)
        if source is None:
            return lambda value, **variables: shown(value)
        if not isinstance(source, str):
            raise Unusable(f"{key} is not a template")
        return lambda value, **variables: compile_template(source).render(value, MISSING, variables)

    def message(self, topic: str, payload: str) -> Message:
        return Message(topic, payload, self.flag("retain"))


def checked_topic(topic: str) -> str:
    if len(topic) > TOPIC_MAX or "+" in topic or "#" in topic or "\0" in topic or topic.startswith("$"):
        raise Unusable(f"{topic!r:.60} is not the topic of a device")
    return topic


def checked_filter(topic: str) -> str:
    """A topic, or a filter that names its device: OpenMQTTGateway and Theengs write `+/+/BTtoMQTT/<mac>`, because any
    of several gateways may hear the device. Two levels must be words, the last of them among those: with less, a
    stranger's description could draw everybody's messages to itself."""
    levels = topic.split("/")
    if "+" not in levels[:-1]:
        return checked_topic(topic)
    words = [level for level in levels if level != "+"]
    checked_topic("/".join(words))
    if len(words) < 2 or not all(words) or len(topic) > TOPIC_MAX:
        raise Unusable(f"{topic!r:.60} is not the topic of a device")
    return topic


def _as_it_is(incoming: Incoming) -> str:
    return incoming.text


def _templated(source: str, variables: Mapping[str, Any] | None) -> Render:
    template = None

    def render(incoming: Incoming) -> str:
        nonlocal template
        # Compiled when the first frame comes: a device that nobody adopts costs nothing.
        template = template or compile_template(source)
        return template.render(incoming.text, incoming.json, variables, incoming.at)

    return render


def shown(value: Any) -> str:
    """A value as Home Assistant writes it into a payload: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check_wish(point: Point, value: Value | None) -> None:
    """OutOfRange when the point cannot take this value."""
    if point.kind is Kind.NUMBER:
        low = -math.inf if point.minimum is None else point.minimum
        high = math.inf if point.maximum is None else point.maximum
        good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        good = good and math.isfinite(float(value or 0)) and abs(float(value or 0)) < MOST
    elif point.kind is Kind.SWITCH:
        good = isinstance(value, bool)
    elif point.kind is Kind.CHOICE:
        good = value in point.options
    else:
        good = point.kind is Kind.TRIGGER or isinstance(value, str)
    if not good:
        raise OutOfRange(f"{point.key} does not take {value!r:.40}")


# -- readers ----------------------------------------------------------------------------------------------


def nothing_known(point: Point) -> tuple[Reading, ...]:
    """The device says that it has no value. A reading needs one; its quality says that it means nothing."""
    empty: Value = {Kind.NUMBER: 0, Kind.SWITCH: False}.get(point.kind, "")
    return (Reading(point.key, empty, Quality.BAD),)


def reads_number(
    render: Render, scale: Callable[[float], float] | None = None, none: str = NONE
) -> Callable[..., Read]:
    def bind(point: Point) -> Read:
        key = point.key

        def read(incoming: Incoming) -> tuple[Reading, ...]:
            text = render(incoming)
            try:
                number: float = int(text) if text.isdigit() and len(text) < 19 else float(text)
            except ValueError:
                return _no_number(point, text, none)
            return (Reading(key, scale(number) if scale else number),)

        return read

    return bind


def _no_number(point: Point, text: str, none: str) -> tuple[Reading, ...]:
    if not text.strip():
        return ()
    if text == none:
        return nothing_known(point)
    raise Implausible(f"{point.key}: {text!r:.40} is not a number")


def reads_switch(render: Render, words: Mapping[str, bool]) -> Callable[..., Read]:
    def bind(point: Point) -> Read:
        readings = {word: (Reading(point.key, state),) for word, state in words.items()}

        def read(incoming: Incoming) -> tuple[Reading, ...]:
            text = render(incoming)
            found = readings.get(text)
            if found is not None:
                return found
            if text == NONE:
                return nothing_known(point)
            if not text.strip():
                return ()
            raise Implausible(f"{point.key}: {text!r:.40} is none of {', '.join(words)}")

        return read

    return bind


def reads_choice(
    render: Render, words: Mapping[str, str], none: Sequence[str] = (NONE,), *, open_ended: bool = False
) -> Callable[..., Read]:
    """`words`: what the device says -> the option it means. `open_ended`: other words are taken as they are."""

    def bind(point: Point) -> Read:
        def read(incoming: Incoming) -> tuple[Reading, ...]:
            text = render(incoming)
            found = words.get(text)
            if found is not None:
                return (Reading(point.key, found),)
            if text in none:
                return nothing_known(point)
            if not text.strip():
                return ()
            if open_ended:
                return (Reading(point.key, text[:255]),)
            raise Implausible(f"{point.key}: {text!r:.40} is not one of its options")

        return read

    return bind


def reads_text(render: Render) -> Callable[..., Read]:
    return reads_choice(render, {}, open_ended=True)


def same(words: Iterable[str]) -> dict[str, str]:
    """Words that stand for themselves."""
    return {word: word for word in words}


__all__ = [
    "NONE",
    "Entity",
    "Incoming",
    "Message",
    "Options",
    "Read",
    "Render",
    "TemplateFailed",
    "Unusable",
    "Write",
    "check_wish",
    "checked_filter",
    "checked_topic",
    "nothing_known",
    "reads_choice",
    "reads_number",
    "reads_switch",
    "reads_text",
    "same",
    "shown",
]
