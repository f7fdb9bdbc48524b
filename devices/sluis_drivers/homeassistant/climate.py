"""Climate: heating, cooling, air conditioning.

Options and defaults: Home Assistant 2026.2, documentation "MQTT HVAC".
"""

from __future__ import annotations

from typing import Any

from sluis.sdk import Kind
from sluis_drivers.homeassistant.moving import chosen
from sluis_drivers.homeassistant.parts import NONE, Entity, Options, Unusable, reads_choice, reads_number, same

MODES = ("auto", "off", "cool", "heat", "dry", "fan_only")
ACTIONS = ("off", "preheating", "heating", "cooling", "drying", "idle", "fan", "defrosting")


def climate(options: Options) -> Entity:
    entity = Entity(options)
    _measured(entity, "current_temperature", "temperature", _unit(options))
    _measured(entity, "current_humidity", "humidity", "%")
    for suffix, stem in (
        ("target_temperature", "temperature"),
        ("target_temperature_low", "temperature_low"),
        ("target_temperature_high", "temperature_high"),
    ):
        _target(entity, suffix, stem, "temperature", _unit(options), _temperature_range(options))
    _target(entity, "target_humidity", "target_humidity", "humidity", "%", _humidity_range(options))
    chosen(entity, "mode", "mode", options.choices("modes", MODES), template="mode_state_template")
    _action(entity)
    fans = options.choices("fan_modes", ("auto", "low", "medium", "high"))
    chosen(entity, "fan_mode", "fan_mode", fans, template="fan_mode_state_template")
    swings = options.choices("swing_modes", ("on", "off"))
    chosen(entity, "swing_mode", "swing_mode", swings, template="swing_mode_state_template")
    across = options.choices("swing_horizontal_modes", ("on", "off"))
    chosen(
        entity,
        "swing_horizontal_mode",
        "swing_horizontal_mode",
        across,
        template="swing_horizontal_mode_state_template",
    )
    presets = options.choices("preset_modes")
    chosen(entity, "preset", "preset_mode", presets, template="preset_mode_value_template")
    _power(entity)
    if not entity.points:
        raise Unusable("no topics")
    return entity


def _unit(options: Options) -> str:
    return "°F" if options.text("temperature_unit", "C").strip("°").upper() == "F" else "°C"


def _temperature_range(options: Options) -> dict[str, Any]:
    fahrenheit = _unit(options) == "°F"
    low = options.number("min_temp", 44.6 if fahrenheit else 7)
    high = options.number("max_temp", 95 if fahrenheit else 35)
    return {"minimum": low, "maximum": high, "step": options.number("temp_step", 1)}


def _humidity_range(options: Options) -> dict[str, Any]:
    return {"minimum": options.number("min_humidity", 30), "maximum": options.number("max_humidity", 99)}


def _measured(entity: Entity, stem: str, quantity: str, unit: str) -> None:
    options = entity.config
    if topic := options.topic(f"{stem}_topic"):
        read = reads_number(options.render(f"{stem}_template"))
        entity.add(stem, part=stem.replace("_", " "), topic=topic, read=read, quantity=quantity, unit=unit)


def _target(entity: Entity, suffix: str, stem: str, quantity: str, unit: str, limits: dict[str, Any]) -> None:
    options = entity.config
    topic, command = options.topic(f"{stem}_state_topic"), options.topic(f"{stem}_command_topic")
    if not (topic or command):
        return
    fill = options.fill(f"{stem}_command_template")
    entity.add(
        suffix,
        part=suffix.replace("_", " "),
        topic=topic,
        read=reads_number(options.render(f"{stem}_state_template")),
        write=(lambda value: [options.message(command, fill(value))]) if command else None,
        quantity=quantity,
        unit=unit,
        **limits,
    )


def _action(entity: Entity) -> None:
    options = entity.config
    if topic := options.topic("action_topic"):
        read = reads_choice(options.render("action_template"), same(ACTIONS), (NONE,))
        entity.add("action", part="action", topic=topic, read=read, kind=Kind.CHOICE, options=ACTIONS)


def _power(entity: Entity) -> None:
    """Power can be switched, but no topic tells whether it is on (the mode does)."""
    options = entity.config
    if command := options.topic("power_command_topic"):
        fill = options.fill("power_command_template")
        on, off = options.text("payload_on", "ON"), options.text("payload_off", "OFF")
        entity.add(
            "power",
            part="power",
            write=lambda value: [options.message(command, fill(on if value else off))],
            kind=Kind.SWITCH,
        )
