"""Entities that move: covers, valves, fans.

A cover or valve is a switch (open or not) that is confirmed by what it reports, with its exact state and, where it
can, its position beside it. Positions are percent open here, whatever range the device uses.
Options and defaults: Home Assistant 2026.2, documentation "MQTT cover", "MQTT valve", "MQTT fan".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from sluis.model.units import SWITCHED
from sluis.sdk import Implausible, Kind, Point, Reading, Value
from sluis_drivers.homeassistant.parts import (
    NONE,
    Entity,
    Incoming,
    Options,
    Read,
    Unusable,
    Write,
    reads_choice,
    reads_number,
    reads_switch,
    same,
)
from sluis_drivers.homeassistant.simple import writes_switch

STATES = ("open", "closed", "opening", "closing", "stopped")


class Span:
    """A device's own range, against percent."""

    def __init__(self, closed: float, opened: float) -> None:
        if closed == opened:
            raise Unusable("the range is empty")
        self.closed = closed
        self.opened = opened

    def percent(self, value: float) -> float:
        part = 100 * (value - self.closed) / (self.opened - self.closed)
        return float(min(100, max(0, round(part))))

    def device(self, percent: Value | None) -> int:
        return round(self.closed + float(percent or 0) * (self.opened - self.closed) / 100)


def cover(options: Options) -> Entity:
    entity = Entity(options)
    span = Span(options.number("position_closed", 0), options.number("position_open", 100))
    position = options.topic("position_topic")
    _state_points(entity, position, span)
    if payload := _payload(options, "payload_stop", "STOP"):
        _stop(entity, options.topic("command_topic"), payload)
    if position or options.topic("set_position_topic"):
        write = _writes_position(options, span) if options.topic("set_position_topic") else None
        _percent(entity, "position", position, options.render("position_template", _limits(options)), span, write)
    _tilt(entity)
    if not entity.points:
        raise Unusable("no topics")
    return entity


def _payload(options: Options, key: str, default: str) -> str:
    """A payload; "" when the configuration says null: the device cannot do that."""
    return "" if key in options.raw and options.raw[key] is None else options.text(key, default)


def _state_points(entity: Entity, position: str, span: Span) -> None:
    options = entity.config
    command, topic = options.topic("command_topic"), options.topic("state_topic")
    opens, closes = _payload(options, "payload_open", "OPEN"), _payload(options, "payload_close", "CLOSE")
    write: Write | None = None
    if command and opens and closes:
        fill = options.fill()
        write = lambda value: [options.message(command, fill(opens if value else closes))]  # noqa: E731
    words = {options.text(f"state_{state}", state): state for state in reversed(STATES)}
    render = options.render()
    if topic:
        read = reads_choice(render, words)
        entity.add("state", topic=topic, read=read, part="state", kind=Kind.CHOICE, options=STATES)
    if not (topic or position or write):
        return
    seen = options.render("position_template", _limits(options))
    entity.add(
        topic=topic or position,
        read=lambda point: _reads_open(point, render, words) if topic else _reads_not_shut(point, seen, span),
        write=write,
        kind=Kind.SWITCH,
        quantity=options.quantity if options.quantity in SWITCHED else "opening",
    )


def _reads_open(point: Point, render: Any, words: dict[str, str]) -> Read:
    settled = {"open": True, "closed": False}

    def read(incoming: Incoming) -> tuple[Reading, ...]:
        state = words.get(_state_in(render(incoming)), "")
        return (Reading(point.key, settled[state]),) if state in settled else ()

    return read


def _reads_not_shut(point: Point, render: Any, span: Span) -> Read:
    def read(incoming: Incoming) -> tuple[Reading, ...]:
        payload = render(incoming)
        if payload in ("", NONE):
            return ()
        return (Reading(point.key, span.percent(_position_in(payload)) > 0),)

    return read


def _state_in(payload: str) -> str:
    said = _object_in(payload)
    return payload if said is None else str(said.get("state", ""))


def _position_in(payload: str) -> float:
    said = _object_in(payload)
    try:
        return float(payload if said is None else said.get("position", ""))
    except (TypeError, ValueError) as error:
        raise Implausible(f"{payload!r:.40} is no position") from error


def _object_in(payload: str) -> dict[str, Any] | None:
    if not payload.startswith("{"):
        return None
    try:
        said = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _stop(entity: Entity, command: str, payload: str) -> None:
    if command:
        message = entity.config.message(command, entity.config.fill()(payload))
        entity.add("stop", part="stop", write=lambda value: [message], kind=Kind.TRIGGER, trigger=True)


def _percent(entity: Entity, suffix: str, topic: str, render: Any, span: Span, write: Write | None) -> None:
    def bind(point: Point) -> Read:
        def read(incoming: Incoming) -> tuple[Reading, ...]:
            payload = render(incoming)
            return () if payload in ("", NONE) else (Reading(point.key, span.percent(_position_in(payload))),)

        return read

    entity.add(suffix, part=suffix, topic=topic, read=bind, write=write, unit="%", minimum=0, maximum=100, step=1)


def _limits(options: Options) -> dict[str, float]:
    return {
        "position_open": options.number("position_open", 100),
        "position_closed": options.number("position_closed", 0),
        "tilt_min": options.number("tilt_min", 0),
        "tilt_max": options.number("tilt_max", 100),
    }


def _writes_position(options: Options, span: Span) -> Write:
    topic, fill, limits = (
        options.required("set_position_topic"),
        options.fill("set_position_template"),
        _limits(options),
    )
    return lambda value: [options.message(topic, fill(span.device(value), position=value, **limits))]


def _tilt(entity: Entity) -> None:
    options = entity.config
    command, topic = options.topic("tilt_command_topic"), options.topic("tilt_status_topic")
    if not (command or topic):
        return
    limits = _limits(options)
    span = Span(limits["tilt_min"], limits["tilt_max"])
    write: Write | None = None
    if command:
        fill = options.fill("tilt_command_template")
        write = lambda value: [  # noqa: E731
            options.message(command, fill(span.device(value), tilt_position=value, **limits))
        ]
    _percent(entity, "tilt", topic, options.render("tilt_status_template", limits), span, write)


def valve(options: Options) -> Entity:
    if not options.flag("reports_position"):
        entity = Entity(options)
        _state_points(entity, "", Span(0, 100))
        if payload := options.text("payload_stop"):
            _stop(entity, options.topic("command_topic"), payload)
        if not entity.points:
            raise Unusable("no topics")
        return entity
    entity = Entity(options)
    span = Span(options.number("position_closed", 0), options.number("position_open", 100))
    topic, command, fill = options.topic("state_topic"), options.topic("command_topic"), options.fill()
    limits = _limits(options)
    limits = {name: limits[name] for name in ("position_open", "position_closed")}
    write: Write | None = None
    if command:
        write = lambda value: [  # noqa: E731
            options.message(command, fill(span.device(value), position=value, **limits))
        ]
    moving = (options.text("state_opening", "opening"), options.text("state_closing", "closing"))
    shows = options.render(variables=limits)

    def render(incoming: Incoming) -> str:
        payload = shows(incoming)
        return "" if payload in moving else payload

    _percent(entity, "position", topic, render, span, write)
    if payload := options.text("payload_stop"):
        _stop(entity, command, payload)
    return entity


def fan(options: Options) -> Entity:
    entity = Entity(options)
    on, off = options.text("payload_on", "ON"), options.text("payload_off", "OFF")
    entity.add(
        topic=options.topic("state_topic"),
        read=reads_switch(options.render("state_value_template"), {off: False, on: True}),
        write=writes_switch(options, options.required("command_topic"), on, off),
        kind=Kind.SWITCH,
    )
    _speed(entity)
    _oscillation(entity)
    chosen(entity, "preset", "preset_mode", options.choices("preset_modes"), template="preset_mode_value_template")
    chosen(entity, "direction", "direction", ("forward", "reverse"), template="direction_value_template")
    return entity


def _speed(entity: Entity) -> None:
    options = entity.config
    topic, command = options.topic("percentage_state_topic"), options.topic("percentage_command_topic")
    if not (topic or command):
        return
    low, high = options.number("speed_range_min", 1), options.number("speed_range_max", 100)
    steps = high - low + 1
    if low <= 0 or low >= high:
        raise Unusable("the speed range is empty")
    fill = options.fill("percentage_command_template")

    def percent(speed: float) -> float:
        # As Home Assistant counts: speed 0 is off, the lowest speed is one step of all.
        return float(min(100, max(0, int((speed - low + 1) * 100 // steps))))

    def write(value: Value | None) -> Iterable[Any]:
        return [options.message(command, fill(math.ceil(float(value or 0) * steps / 100 + low - 1)))]

    entity.add(
        "speed",
        part="speed",
        topic=topic,
        read=reads_number(
            options.render("percentage_value_template"), percent, options.text("payload_reset_percentage", NONE)
        ),
        write=write if command else None,
        unit="%",
        minimum=0,
        maximum=100,
    )


def _oscillation(entity: Entity) -> None:
    options = entity.config
    topic, command = options.topic("oscillation_state_topic"), options.topic("oscillation_command_topic")
    if not (topic or command):
        return
    on = options.text("payload_oscillation_on", "oscillate_on")
    off = options.text("payload_oscillation_off", "oscillate_off")
    write = writes_switch(options, command, on, off, "oscillation_command_template") if command else None
    read = reads_switch(options.render("oscillation_value_template"), {off: False, on: True})
    entity.add("oscillation", part="oscillation", topic=topic, read=read, write=write, kind=Kind.SWITCH)


def chosen(entity: Entity, suffix: str, stem: str, choices: tuple[str, ...], *, template: str) -> None:
    """A choice with topics `<stem>_state_topic` and `<stem>_command_topic`, where there are such."""
    options = entity.config
    topic, command = options.topic(f"{stem}_state_topic"), options.topic(f"{stem}_command_topic")
    if not (topic or command) or not choices:
        return
    fill = options.fill(f"{stem}_command_template")
    none = (NONE, "none", options.text(f"payload_reset_{stem}", NONE))
    entity.add(
        suffix,
        part=suffix.replace("_", " "),
        topic=topic,
        read=reads_choice(options.render(template), same(choices), tuple(one for one in none if one not in choices)),
        write=(lambda value: [options.message(command, fill(value))]) if command else None,
        kind=Kind.CHOICE,
        options=choices,
    )
