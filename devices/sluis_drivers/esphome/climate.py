"""Thermostats and water heaters of an ESPHome node. Numbers are those of ESPHome's `api.proto`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluis_drivers.esphome import parts
from sluis_drivers.esphome.parts import CHOICE, SWITCH, Entity

MODES = parts.numbered("off", "heat_cool", "cool", "heat", "fan_only", "dry", "auto")
ACTIONS: Mapping[int, str] = {
    0: "off", 2: "cooling", 3: "heating", 4: "idle", 5: "drying", 6: "fan", 7: "defrosting",
}  # fmt: skip
FANS = parts.numbered("on", "off", "auto", "low", "medium", "high", "middle", "focus", "diffuse", "quiet")
SWINGS = parts.numbered("off", "both", "vertical", "horizontal")
PRESETS = parts.numbered("none", "home", "away", "boost", "comfort", "eco", "sleep", "activity")
HEATERS = parts.numbered("off", "eco", "electric", "performance", "high_demand", "heat_pump", "gas")
UNITS = parts.numbered("°C", "°F", "K")

CURRENT, TWO_POINTS, NEEDS_TWO, HUMIDITY, TARGET_HUMIDITY, ACTION = 1, 2, 4, 8, 16, 32
"""Bits of a thermostat's `feature_flags` (API 1.13 and later; before that they were fields of their own)."""
HEATER_CURRENT, HEATER_TARGET, HEATER_MODE, HEATER_ON = 1, 2, 4, 16
HEATER_IS_ON = 2
"""Bit of a water heater's state."""


def climate(entity: Entity) -> None:
    flags = entity.flags("feature_flags")
    degrees: dict[str, Any] = {"quantity": "temperature", "unit": UNITS.get(entity.flags("temperature_unit"), "°C")}
    span = entity.span("visual_min_temperature", "visual_max_temperature", "visual_target_temperature_step")
    if flags & CURRENT or entity.has("supports_current_temperature"):
        entity.add("current_temperature", read=parts.number("current_temperature"), **degrees)
    two = flags & (TWO_POINTS | NEEDS_TWO) or entity.has("supports_two_point_target_temperature")
    one = not (flags & NEEDS_TWO or entity.has("supports_two_point_target_temperature"))
    for key, wanted in (
        ("target_temperature", one),
        ("target_temperature_low", two),
        ("target_temperature_high", two),
    ):
        if wanted:
            entity.add(key, read=parts.number(key), write=parts.sends_number(key), **degrees, **span)
    if flags & HUMIDITY or entity.has("supports_current_humidity"):
        entity.add("current_humidity", read=parts.number("current_humidity"), quantity="humidity", unit="%")
    if flags & TARGET_HUMIDITY or entity.has("supports_target_humidity"):
        about = {"quantity": "humidity", "unit": "%", **entity.span("visual_min_humidity", "visual_max_humidity")}
        key = "target_humidity"
        entity.add(key, read=parts.number(key), write=parts.sends_number(key), **about)
    if flags & ACTION or entity.has("supports_action"):
        entity.add("action", read=parts.words("action", ACTIONS), options=tuple(ACTIONS.values()), **CHOICE)
    _choice(entity, "mode", "mode", MODES, "supported_modes")
    _choice(entity, "fan_mode", "fan_mode", FANS, "supported_fan_modes", "supported_custom_fan_modes")
    _choice(entity, "swing_mode", "swing_mode", SWINGS, "supported_swing_modes")
    _choice(entity, "preset", "preset", PRESETS, "supported_presets", "supported_custom_presets")


def _choice(entity: Entity, suffix: str, key: str, names: Mapping[int, str], listed: str, own: str = "") -> None:
    options = parts.known(names, entity.numbers(listed), *(entity.texts(own) if own else ()))
    if options:
        custom = f"custom_{key}" if own else ""
        write = parts.sends_index(key, names, options, custom)
        entity.add(suffix, read=parts.words(key, names, own=custom), write=write, options=options, **CHOICE)


def water_heater(entity: Entity) -> None:
    flags = entity.flags("supported_features")
    degrees: dict[str, Any] = {"quantity": "temperature", "unit": UNITS.get(entity.flags("temperature_unit"), "°C")}
    if flags & HEATER_CURRENT:
        entity.add("current_temperature", read=parts.number("current_temperature"), **degrees)
    if flags & HEATER_TARGET:
        span = entity.span("min_temperature", "max_temperature", "target_temperature_step")
        key = "target_temperature"
        entity.add(key, read=parts.number(key), write=parts.sends_number(key), **degrees, **span)
    if flags & HEATER_MODE:
        _choice(entity, "mode", "mode", HEATERS, "supported_modes")
    if flags & HEATER_ON:
        entity.add(
            "on",
            read=lambda point, said: (
                point(bool(said["state"] & HEATER_IS_ON)) if type(said.get("state")) is int else None
            ),
            write=parts.sends_switch("on"),
            **SWITCH,
        )
