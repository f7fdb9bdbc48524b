"""Entities with one value or one action: sensors, switches, numbers, selects, buttons, locks, updates, trackers.

Options and defaults: Home Assistant 2026.2, documentation "MQTT sensor", "MQTT switch" and so on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sluis.sdk import Implausible, Kind, Occurrence, Point, Reading, Value, firmware
from sluis_drivers.homeassistant.parts import (
    NONE,
    Entity,
    Incoming,
    Message,
    Options,
    Read,
    Unusable,
    Write,
    reads_choice,
    reads_number,
    reads_switch,
    reads_text,
    same,
)

STALE_AFTER = 2.5
"""The gateway calls a point stale after this many of its intervals; `expire_after` says when it shall be."""

SAME_UNITS = {"VAr": "var", "kVAr": "kvar", "mVAr": "mvar", "VArh": "varh", "kVArh": "kvarh"}
"""Spellings of one unit; the second is Home Assistant's."""

ATTRIBUTES_MAX = 16
"""Attributes kept of one attributes message."""


def unit_of(options: Options) -> str:
    # The Greek letter and the micro sign look alike; the gateway writes the sign.
    unit = options.text("unit_of_measurement").strip().replace("\u03bc", "\u00b5")
    return SAME_UNITS.get(unit, unit)


def every_s(options: Options) -> float | None:
    expire_after_s = options.number("expire_after", 0)
    return expire_after_s / STALE_AFTER if expire_after_s > 0 else None


def sensor(options: Options) -> Entity:
    entity = Entity(options)
    topic, render, quantity = options.required("state_topic"), options.render(), options.quantity
    common: dict[str, Any] = {"topic": topic, "quantity": quantity, "every_s": every_s(options)}
    if choices := options.choices("options"):
        entity.add(kind=Kind.CHOICE, options=choices, read=reads_choice(render, same(choices)), **common)
    elif quantity not in ("date", "timestamp", "enum") and _is_numeric(options):
        entity.add(unit=unit_of(options), read=reads_number(render), **common)
    else:
        entity.add(kind=Kind.TEXT, read=reads_text(render), **common)
    return entity


def _is_numeric(options: Options) -> bool:
    told = ("device_class", "state_class", "unit_of_measurement", "suggested_display_precision")
    return any(options.raw.get(key) not in (None, "") for key in told)


def binary_sensor(options: Options) -> Entity:
    entity = Entity(options)
    on, off = options.text("payload_on", "ON"), options.text("payload_off", "OFF")
    topic, render = options.required("state_topic"), options.render()
    if options.maybe("off_delay"):
        # The device only ever says "on": something happened, and nothing says when it ended.
        entity.add(
            topic=topic,
            read=lambda point: _reads_burst(point, render, on),
            kind=Kind.TRIGGER,
            options=("on",),
            quantity=options.quantity,
        )
        return entity
    words = {off: False, on: True}
    read = reads_switch(render, words)
    entity.add(topic=topic, read=read, kind=Kind.SWITCH, quantity=options.quantity, every_s=every_s(options))
    return entity


def _reads_burst(point: Point, render: Any, on: str) -> Read:
    return lambda incoming: (point.occurred("on"),) if render(incoming) == on else ()


def switch(options: Options) -> Entity:
    entity = Entity(options)
    on, off = options.text("payload_on", "ON"), options.text("payload_off", "OFF")
    words = {options.text("state_off") or off: False, options.text("state_on") or on: True}
    entity.add(
        topic=options.topic("state_topic"),
        read=reads_switch(options.render(), words),
        write=writes_switch(options, options.required("command_topic"), on, off),
        kind=Kind.SWITCH,
        quantity=options.quantity,
    )
    return entity


def writes_switch(options: Options, topic: str, on: str, off: str, template: str = "command_template") -> Write:
    fill = options.fill(template)
    return lambda value: [options.message(topic, fill(on if value else off))]


def number(options: Options) -> Entity:
    entity = Entity(options)
    topic, fill = options.required("command_topic"), options.fill()
    low, high = options.number("min", 1), options.number("max", 100)
    if low > high:
        raise Unusable("min is larger than max")
    entity.add(
        topic=options.topic("state_topic"),
        read=reads_number(options.render(), none=options.text("payload_reset", NONE)),
        write=lambda value: [options.message(topic, fill(value))],
        quantity=options.quantity,
        unit=unit_of(options),
        minimum=low,
        maximum=high,
        step=options.number("step", 1),
    )
    return entity


def select(options: Options) -> Entity:
    entity = Entity(options)
    topic, fill, choices = options.required("command_topic"), options.fill(), options.choices("options")
    if not choices:
        raise Unusable("options are missing")
    entity.add(
        topic=options.topic("state_topic"),
        read=reads_choice(options.render(), same(choices), (NONE, "none")),
        write=lambda value: [options.message(topic, fill(value))],
        kind=Kind.CHOICE,
        options=choices,
    )
    return entity


def text(options: Options) -> Entity:
    entity = Entity(options)
    topic, fill = options.required("command_topic"), options.fill()
    entity.add(
        topic=options.topic("state_topic"),
        read=reads_text(options.render()),
        write=lambda value: [options.message(topic, fill(value))],
        kind=Kind.TEXT,
    )
    return entity


def button(options: Options) -> Entity:
    entity = Entity(options)
    topic, fill, payload = options.required("command_topic"), options.fill(), options.text("payload_press", "PRESS")
    entity.add(
        write=lambda value: [options.message(topic, fill(payload))],
        kind=Kind.TRIGGER,
        quantity=options.quantity,
        trigger=True,
    )
    return entity


def event(options: Options) -> Entity:
    entity = Entity(options)
    kinds, render = options.choices("event_types"), options.render()
    if not kinds:
        raise Unusable("event_types are missing")
    entity.add(
        topic=options.required("state_topic"),
        read=lambda point: lambda incoming: _event(point, render(incoming), incoming),
        kind=Kind.TRIGGER,
        options=kinds,
        quantity=options.quantity,
    )
    return entity


def _event(point: Point, payload: str, incoming: Incoming) -> Iterable[Occurrence]:
    if incoming.frame.retained or payload in ("", NONE, "{}"):
        return ()
    try:
        said = msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        raise Implausible(f"{point.key}: {payload!r:.40} is no JSON") from error
    kind = said.get("event_type") if isinstance(said, dict) else None
    if kind not in point.options:
        raise Implausible(f"{point.key}: {kind!r:.40} is none of its event types")
    return (point.occurred(str(kind)),)


LOCK_STATES = ("locked", "unlocked", "locking", "unlocking", "jammed", "open", "opening")


def lock(options: Options) -> Entity:
    entity = Entity(options)
    command, topic = options.required("command_topic"), options.topic("state_topic")
    fill, render = options.fill(), options.render()
    states = {options.text(f"state_{state}", state.upper()): state for state in LOCK_STATES}
    reset = options.text("payload_reset", NONE)
    pressed = {True: options.text("payload_lock", "LOCK"), False: options.text("payload_unlock", "UNLOCK")}
    entity.add(
        topic=topic,
        read=lambda point: _reads_locked(point, render, states, reset),
        write=lambda value: [options.message(command, fill(pressed[bool(value)], code=None))],
        part="locked",
        kind=Kind.SWITCH,
    )
    if topic:
        read = reads_choice(render, states, (reset,))
        entity.add("state", topic=topic, read=read, part="state", kind=Kind.CHOICE, options=LOCK_STATES)
    if payload := options.text("payload_open"):
        entity.add("open", write=_presses(options, command, fill(payload, code=None)), kind=Kind.TRIGGER, trigger=True)
    return entity


def _reads_locked(point: Point, render: Any, states: dict[str, str], reset: str) -> Read:
    """Locked or not; what is on its way or jammed is neither yet."""
    settled = {"locked": True, "unlocked": False, "open": False}

    def read(incoming: Incoming) -> tuple[Reading, ...]:
        state = states.get(render(incoming), "")
        return (Reading(point.key, settled[state]),) if state in settled else ()

    return read


def _presses(options: Options, topic: str, payload: str) -> Write:
    message = options.message(topic, payload)
    return lambda value: [message]


def update(options: Options) -> Entity:
    """The firmware points of `sluis.sdk.firmware`, their keys with this entity's in the place of `firmware`; the driver
    calls a device's first update entity so. That an update failed a device says by installing no more."""
    entity = Entity(options)
    topic, render = options.topic("state_topic"), options.render()
    keys = {name: f"{options.key}_{name}" for name in ("installed", "available", "state", "progress")}
    for name, point in (
        ("installed", firmware.INSTALLED),
        ("available", firmware.AVAILABLE),
        ("state", firmware.STATE),
        ("progress", firmware.PROGRESS),
    ):
        called = f"{options.name} {name}" if options.name else ""
        entity.points.append(point.named(keys[name], name=called, category=options.category or point.category))
    if topic:
        entity.reads.append((topic, lambda incoming: _versions(render(incoming), keys)))
    if latest := options.topic("latest_version_topic"):
        shows = options.render("latest_version_template")
        entity.reads.append((latest, lambda incoming: _version(keys["available"], shows(incoming))))
    command, payload = options.topic("command_topic"), options.text("payload_install")
    if command and payload:
        key = f"{options.key}_update"
        entity.points.append(firmware.UPDATE.named(key, name=f"{options.name} update" if options.name else ""))
        entity.writes[key] = _installs(options, command, payload)
    return entity


def _installs(options: Options, topic: str, payload: str) -> Write:
    message = options.message(topic, payload)

    def write(value: Value | None) -> list[Message]:
        firmware.newest_only(value)
        return [message]

    return write


def _versions(payload: str, keys: dict[str, str]) -> Iterable[Reading]:
    if payload in ("", "{}"):
        return
    try:
        said = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        said = payload
    if not isinstance(said, dict):
        yield from _version(keys["installed"], payload)
        return
    yield from _version(keys["installed"], said.get("installed_version"))
    yield from _version(keys["available"], said.get("latest_version"))
    progress = said.get("update_percentage")
    if isinstance(progress, int | float) and not isinstance(progress, bool):
        yield Reading(keys["progress"], progress)
        yield Reading(keys["state"], firmware.DOWNLOADING)
    elif "in_progress" in said or "update_percentage" in said:
        yield Reading(keys["state"], firmware.DOWNLOADING if said.get("in_progress") is True else firmware.IDLE)


def _version(key: str, said: Any) -> tuple[Reading, ...]:
    if said in (None, "", NONE, "None", "null"):
        return ()
    return (Reading(key, str(said)[:255]),)


def device_tracker(options: Options) -> Entity:
    entity = Entity(options)
    topic, attributes = options.topic("state_topic"), options.topic("json_attributes_topic")
    if not topic and not attributes:
        raise Unusable("state_topic is missing")
    home, away = options.text("payload_home", "home"), options.text("payload_not_home", "not_home")
    if topic:
        words = {home: "home", away: "not_home"}
        reset = options.text("payload_reset", NONE)
        read = reads_choice(options.render(), words, (reset,), open_ended=True)
        entity.add(topic=topic, read=read, kind=Kind.TEXT)
    if attributes:
        render = options.render("json_attributes_template")
        for name, unit in (("latitude", "°"), ("longitude", "°"), ("gps_accuracy", "m")):
            entity.add(name, part=name.replace("_", " "), unit=unit)
        entity.reads.append((attributes, lambda incoming: _place(options.key, render(incoming))))
    return entity


def _place(key: str, payload: str) -> Iterable[Reading]:
    said = attributes_in(payload)
    for name in ("latitude", "longitude", "gps_accuracy"):
        value = said.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Reading(f"{key}_{name}", value)


def attributes_in(payload: str) -> dict[str, Any]:
    """The attributes of an attributes message; Implausible when it is none."""
    try:
        said = msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        raise Implausible(f"attributes are no JSON: {payload!r:.40}") from error
    if not isinstance(said, dict):
        raise Implausible(f"attributes are no object: {payload!r:.40}")
    return said


def attributes_text(payload: str) -> str:
    """The flat attributes, one line of JSON that fits in a text point."""
    kept: dict[str, Value] = {}
    for name, value in attributes_in(payload).items():
        if isinstance(value, str | int | float) and len(kept) < ATTRIBUTES_MAX:
            kept[name[:40]] = value[:60] if isinstance(value, str) else value
    return msgspec.json.encode(kept).decode()


__all__ = [
    "Message",
    "attributes_text",
    "binary_sensor",
    "button",
    "device_tracker",
    "event",
    "lock",
    "number",
    "select",
    "sensor",
    "switch",
    "text",
    "update",
    "writes_switch",
]
