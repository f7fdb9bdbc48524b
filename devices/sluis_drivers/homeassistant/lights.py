"""Lights in Home Assistant's three schemas: default (a topic per aspect), json, template.

A light becomes a switch, with brightness in percent, colour temperature in kelvin, colour as `#rrggbb` and effect
beside it as far as it has them. Options and defaults: Home Assistant 2026.2, documentation "MQTT light".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sluis.sdk import Implausible, Kind, Point, Reading, Value
from sluis.wire.templates import compile_template
from sluis.wire.templates.template import MISSING
from sluis_drivers.homeassistant import colour
from sluis_drivers.homeassistant.parts import (
    NONE,
    Entity,
    Incoming,
    Message,
    Options,
    Read,
    Unusable,
    Write,
    nothing_known,
    reads_choice,
    reads_number,
    reads_switch,
    reads_text,
    same,
)

COLOURS = ("hs", "rgb", "rgbw", "rgbww", "xy")
"""Colour modes that a colour point can stand for."""


def light(options: Options) -> Entity:
    schema = options.text("schema", "basic")
    made = {"basic": basic, "default": basic, "json": json_light, "template": template_light}.get(schema)
    if made is None:
        raise Unusable(f"schema {schema!r:.20} is not known")
    return made(options)


def _kelvin_range(options: Options) -> dict[str, Any]:
    most_mired, least_mired = options.maybe("max_mireds"), options.maybe("min_mireds")
    low = colour.kelvin(most_mired) if most_mired else options.number("min_kelvin", 2000)
    high = colour.kelvin(least_mired) if least_mired else options.number("max_kelvin", 6535)
    return {"unit": "K", "minimum": low, "maximum": high}


def _add_brightness(entity: Entity, topic: str, read: Any, write: Write | None) -> None:
    entity.add("brightness", part="brightness", topic=topic, read=read, write=write, unit="%", minimum=0, maximum=100)


def _of_device(percent: Value | None, scale: float) -> int:
    """Percent on the device's scale; never 0, which would mean off."""
    return max(1, round(float(percent or 0) * scale / 100))


# -- default schema ---------------------------------------------------------------------------------------


def basic(options: Options) -> Entity:
    entity = Entity(options)
    command = options.required("command_topic")
    on, off = options.text("payload_on", "ON"), options.text("payload_off", "OFF")
    turn_on = _turner(options, command, on)
    topic = options.topic("state_topic")
    entity.add(
        topic=topic,
        read=reads_switch(options.render("state_value_template"), {off: False, on: True}),
        write=lambda value: turn_on([]) if value else [options.message(command, off)],
        kind=Kind.SWITCH,
    )
    _brightness(entity, turn_on)
    _temperature(entity, turn_on)
    _colour(entity, turn_on)
    effects = options.choices("effect_list")
    _aspect(
        entity,
        "effect",
        turn_on,
        reads_choice(options.render("effect_value_template"), same(effects), open_ended=True),
        {"kind": Kind.CHOICE, "options": effects} if effects else {"kind": Kind.TEXT},
    )
    return entity


def _turner(options: Options, command: str, on: str) -> Callable[[list[Message]], list[Message]]:
    """Adds the "on" message to the messages of an aspect, in the order the device wants."""
    how = options.text("on_command_type", "last")
    message = options.message(command, on)

    def turn_on(messages: list[Message]) -> list[Message]:
        if how == "first":
            return [message, *messages]
        if how == "brightness" and options.topic("brightness_command_topic"):
            full = options.message(
                options.topic("brightness_command_topic"),
                options.fill("brightness_command_template")(int(options.number("brightness_scale", 255))),
            )
            return messages or [full]
        return [*messages, message]

    return turn_on


def _aspect(
    entity: Entity, stem: str, turn_on: Any, read: Any, declared: dict[str, Any], convert: Callable[[Any], Any] = str
) -> None:
    """A point for the topics `<stem>_state_topic` and `<stem>_command_topic`, where there are such."""
    options = entity.config
    topic, command = options.topic(f"{stem}_state_topic"), options.topic(f"{stem}_command_topic")
    if not (topic or command):
        return
    fill = options.fill(f"{stem}_command_template")
    write: Write | None = None
    if command:
        write = lambda value: turn_on([options.message(command, fill(convert(value)))])  # noqa: E731
    suffix = "colour" if stem in COLOURS else stem
    entity.add(suffix, part=suffix.replace("_", " "), topic=topic, read=read, write=write, **declared)


def _brightness(entity: Entity, turn_on: Any) -> None:
    options = entity.config
    scale = max(1.0, options.number("brightness_scale", 255))
    read = reads_number(options.render("brightness_value_template"), lambda level: round(level * 100 / scale, 1))
    declared = {"unit": "%", "minimum": 0, "maximum": 100}
    _aspect(entity, "brightness", turn_on, read, declared, lambda percent: _of_device(percent, scale))


def _temperature(entity: Entity, turn_on: Any) -> None:
    options = entity.config
    in_kelvin = options.flag("color_temp_kelvin")
    render = options.render("color_temp_value_template")
    read = reads_number(render, None if in_kelvin else colour.kelvin)
    convert: Callable[[Any], Any] = int if in_kelvin else lambda value: int(colour.kelvin(value))
    _aspect(entity, "color_temp", turn_on, read, _kelvin_range(options), convert)


def _colour(entity: Entity, turn_on: Any) -> None:
    options = entity.config
    stem = next((one for one in COLOURS if options.topic(f"{one}_command_topic")), "")
    if not stem:
        return
    render, command = options.render(f"{stem}_value_template"), options.topic(f"{stem}_command_topic")
    fill, topic = options.fill(f"{stem}_command_template"), options.topic(f"{stem}_state_topic")
    names = {"hs": ("hue", "sat"), "xy": ("x", "y")}.get(stem, ("red", "green", "blue", "white", "warm_white"))

    def write(value: Value | None) -> Iterable[Message]:
        parts = _parts(stem, value)
        payload = fill(",".join(map(str, parts)), **dict(zip(names, parts, strict=False)))
        return turn_on([options.message(command, payload)])  # type: ignore[no-any-return]  # a list of messages

    def bind(point: Point) -> Read:
        return lambda incoming: _colour_of(point, stem, render(incoming))

    entity.add("colour", part="colour", topic=topic, read=bind, write=write, kind=Kind.TEXT)


def _parts(stem: str, value: Value | None) -> tuple[float, ...]:
    if stem == "hs":
        return colour.hs_of(value)
    if stem == "xy":
        return colour.xy_of(value)
    return (*colour.rgb_of(value), *([0] * (len(stem) - 3)))


def _colour_of(point: Point, stem: str, payload: str) -> tuple[Reading, ...]:
    if payload in ("", NONE):
        return ()
    try:
        parts = [float(one) for one in payload.split(",")]
        if stem == "hs":
            shown = colour.hex_of_hs(parts[0], parts[1])
        elif stem == "xy":
            shown = colour.hex_of_xy(parts[0], parts[1])
        else:
            shown = colour.hex_of(parts[0], parts[1], parts[2])
    except (ValueError, IndexError, OverflowError) as error:
        raise Implausible(f"{point.key}: {payload!r:.40} is no colour") from error
    return (Reading(point.key, shown),)


# -- json schema ------------------------------------------------------------------------------------------


def json_light(options: Options) -> Entity:
    entity = Entity(options)
    topic, command = options.topic("state_topic"), options.required("command_topic")
    modes = options.choices("supported_color_modes")
    scale = max(1.0, options.number("brightness_scale", 255))
    in_kelvin = options.flag("color_temp_kelvin")

    def send(**wish: Any) -> list[Message]:
        return [options.message(command, msgspec.json.encode({"state": "ON", **wish}).decode())]

    def write_switch(value: Value | None) -> list[Message]:
        return send(state="ON" if value else "OFF")

    entity.add(topic=topic, read=_member(_switched), write=write_switch, kind=Kind.SWITCH)
    if options.flag("brightness") or any(mode not in ("onoff", "") for mode in modes):
        read = _member(lambda key, said: _level(key, said, scale))
        _add_brightness(entity, topic, read, lambda value: send(brightness=_of_device(value, scale)))
    if "color_temp" in modes or (not modes and options.flag("color_temp")):
        read = _member(lambda key, said: _json_temperature(key, said, in_kelvin))
        convert = int if in_kelvin else (lambda value: int(colour.kelvin(value)))
        entity.add(
            "color_temp",
            part="color temp",
            topic=topic,
            read=read,
            write=lambda value: send(color_temp=convert(float(value or 0))),
            **_kelvin_range(options),
        )
    stem = next((one for one in COLOURS if one in modes or (not modes and options.flag(one))), "")
    if stem:
        entity.add(
            "colour",
            part="colour",
            topic=topic,
            read=_member(_json_colour),
            write=lambda value: send(color=_json_parts(stem, value)),
            kind=Kind.TEXT,
        )
    if options.flag("effect") and (effects := options.choices("effect_list")):
        entity.add(
            "effect",
            part="effect",
            topic=topic,
            read=_member(lambda key, said: _json_effect(key, said, effects)),
            write=lambda value: send(effect=value),
            kind=Kind.CHOICE,
            options=effects,
        )
    return entity


def _member(find: Callable[[Point, dict[str, Any]], tuple[Reading, ...]]) -> Callable[[Point], Read]:
    """A reader of one aspect of a JSON state."""

    def bind(point: Point) -> Read:
        def read(incoming: Incoming) -> tuple[Reading, ...]:
            said = incoming.json
            if not isinstance(said, dict):
                raise Implausible(f"{point.key}: the state is no JSON object")
            return find(point, said)

        return read

    return bind


def _switched(point: Point, said: dict[str, Any]) -> tuple[Reading, ...]:
    state = said.get("state", "")
    if state in ("ON", "OFF"):
        return (Reading(point.key, state == "ON"),)
    if state is None:
        return nothing_known(point)
    return ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _level(point: Point, said: dict[str, Any], scale: float) -> tuple[Reading, ...]:
    level = said.get("brightness")
    return (Reading(point.key, round(level * 100 / scale, 1)),) if _is_number(level) and level else ()


def _json_temperature(point: Point, said: dict[str, Any], in_kelvin: bool) -> tuple[Reading, ...]:
    value = said.get("color_temp")
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or said.get("color_mode", "color_temp") != "color_temp"
    ):
        return ()
    return (Reading(point.key, value if in_kelvin else colour.kelvin(value)),)


def _json_colour(point: Point, said: dict[str, Any]) -> tuple[Reading, ...]:
    parts = said.get("color")
    if not isinstance(parts, dict) or said.get("color_mode", "") == "color_temp":
        return ()
    if all(_is_number(parts.get(name)) for name in "rgb"):
        shown = colour.hex_of(parts["r"], parts["g"], parts["b"])
    elif all(_is_number(parts.get(name)) for name in "hs"):
        shown = colour.hex_of_hs(parts["h"], parts["s"])
    elif all(_is_number(parts.get(name)) for name in "xy"):
        shown = colour.hex_of_xy(parts["x"], parts["y"])
    else:
        return ()
    return (Reading(point.key, shown),)


def _json_parts(stem: str, value: Value | None) -> dict[str, float]:
    return dict(zip(stem.replace("ww", "cw") if stem == "rgbww" else stem, _parts(stem, value), strict=False))


def _json_effect(point: Point, said: dict[str, Any], effects: tuple[str, ...]) -> tuple[Reading, ...]:
    effect = said.get("effect")
    return (Reading(point.key, effect),) if effect in effects else ()


# -- template schema --------------------------------------------------------------------------------------


def template_light(options: Options) -> Entity:
    entity = Entity(options)
    topic, command = options.topic("state_topic"), options.required("command_topic")
    turn_on, turn_off = options.text("command_on_template"), options.text("command_off_template")
    if not turn_on or not turn_off:
        raise Unusable("command_on_template or command_off_template is missing")
    in_kelvin = options.flag("color_temp_kelvin")

    def send(template: str = turn_on, **wish: Any) -> list[Message]:
        names = {"state": template is turn_on, **wish}
        return [options.message(command, compile_template(template).render(None, MISSING, names))]

    shows_state = "state_template" in options.raw
    entity.add(
        topic=topic if shows_state else "",
        read=reads_switch(options.render("state_template"), {"off": False, "on": True}),
        write=lambda value: send() if value else send(turn_off),
        kind=Kind.SWITCH,
    )
    if "brightness_template" in options.raw:
        read = reads_number(options.render("brightness_template"), lambda level: round(level * 100 / 255, 1))
        _add_brightness(entity, topic, read, lambda value: send(brightness=_of_device(value, 255)))
    if "color_temp_template" in options.raw:
        read = reads_number(options.render("color_temp_template"), None if in_kelvin else colour.kelvin)
        convert = int if in_kelvin else (lambda value: int(colour.kelvin(value)))
        entity.add(
            "color_temp",
            part="color temp",
            topic=topic,
            read=read,
            write=lambda value: send(color_temp=convert(float(value or 0))),
            **_kelvin_range(options),
        )
    if all(f"{name}_template" in options.raw for name in ("red", "green", "blue")):
        _template_colour(entity, topic, send)
    if "effect_template" in options.raw:
        effects = options.choices("effect_list")
        read = reads_choice(options.render("effect_template"), same(effects))
        if not effects:
            read = reads_text(options.render("effect_template"))
        entity.add(
            "effect",
            part="effect",
            topic=topic,
            read=read,
            write=lambda value: send(effect=value),
            kind=Kind.CHOICE if effects else Kind.TEXT,
            options=effects,
        )
    return entity


def _template_colour(entity: Entity, topic: str, send: Callable[..., list[Message]]) -> None:
    renders = [entity.config.render(f"{name}_template") for name in ("red", "green", "blue")]

    def bind(point: Point) -> Read:
        return lambda incoming: _colour_of(point, "rgb", ",".join(render(incoming) for render in renders).strip(","))

    def write(value: Value | None) -> list[Message]:
        red, green, blue = colour.rgb_of(value)
        hue, saturation = colour.hs_of(value)
        return send(red=red, green=green, blue=blue, hue=hue, sat=saturation)

    entity.add("colour", part="colour", topic=topic, read=bind, write=write, kind=Kind.TEXT)
