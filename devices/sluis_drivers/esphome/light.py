"""Lights of an ESPHome node: a switch, with brightness, colour temperature, colour and effect as far as it has them.

Colour modes are sums of capabilities (`LightColorCapability` in ESPHome's API): 2 brightness, 8 colour temperature, 16
cold and warm white, 32 red, green and blue.
"""

from __future__ import annotations

import math
import re
from typing import Any

from sluis.model import OutOfRange
from sluis.sdk import Kind, Point, Reading, Value
from sluis.sdk.payload import number_of, text_of, wished_number, wished_word
from sluis_drivers.esphome import parts
from sluis_drivers.esphome.parts import CHOICE, PERCENT, SWITCH, Entity, Said

BRIGHTNESS, TEMPERATURE, WHITES, RGB = 2, 8, 16, 32
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def light(entity: Entity) -> None:
    modes = entity.numbers("supported_color_modes")
    has = 0
    for mode in modes:
        has |= mode
    entity.add(read=parts.switch("state"), write=parts.sends_switch("state"), quantity="light", **SWITCH)
    if has & BRIGHTNESS:
        read, write = parts.number("brightness", scale=100), parts.sends_number("brightness", scale=0.01)
        entity.add("brightness", read=read, write=write, **PERCENT)
    span = entity.span("min_mireds", "max_mireds")
    white = [mode for mode in modes if mode & (TEMPERATURE | WHITES)]
    if white and span.get("minimum", 0) > 0:
        low, high = math.floor(1e6 / span["maximum"]), math.ceil(1e6 / span["minimum"])
        write = _sends_kelvin(min(white))
        about = {"unit": "K", "minimum": low, "maximum": high}
        entity.add("color_temperature", read=_kelvin, write=write, **about)
    coloured = [mode for mode in modes if mode & RGB]
    if coloured:
        entity.add("color", read=_colour, write=_sends_colour(min(coloured)), kind=Kind.TEXT)
    effects = entity.texts("effects")
    if effects:
        options = tuple(dict.fromkeys(("None", *effects)))
        write = parts.sends_word("effect", options)
        entity.add("effect", read=_effect, write=write, options=options, **CHOICE)


def _mode(said: Said) -> int:
    mode = said.get("color_mode")
    return mode if type(mode) is int else 0


def _kelvin(point: Point, said: Said) -> Reading | None:
    """Only while it shines white: the node keeps the last colour temperature for later."""
    mired = said.get("color_temperature")
    if not _mode(said) & (TEMPERATURE | WHITES) or mired is None or number_of(mired) < 1:
        return None
    return point(round(1e6 / number_of(mired)))


def _sends_kelvin(mode: int) -> parts.Write:
    def write(point: str, value: Value | None) -> dict[str, Any]:
        kelvin = wished_number(point, value)
        if not 500 <= kelvin <= 50_000:
            raise OutOfRange(f"{point}: {kelvin:g} K is no colour temperature")
        return {"color_mode": mode, "color_temperature": 1e6 / kelvin}

    return write


def _colour(point: Point, said: Said) -> Reading | None:
    if not _mode(said) & RGB:
        return None
    level = number_of(said.get("color_brightness"))
    rgb = [round(min(255, max(0, 255 * level * number_of(said.get(one))))) for one in ("red", "green", "blue")]
    return point("#" + bytes(rgb).hex())


def _sends_colour(mode: int) -> parts.Write:
    """The colour at its brightest, and how bright it is of that."""

    def write(point: str, value: Value | None) -> dict[str, Any]:
        said = wished_word(point, value)
        if not COLOUR.fullmatch(said):
            raise OutOfRange(f"{point}: {said[:20]!r} is no colour; write #rrggbb")
        rgb = bytes.fromhex(said[1:])
        largest = max(rgb)
        return {
            "color_mode": mode,
            "color_brightness": largest / 255,
            "rgb": [one / largest if largest else 1.0 for one in rgb],
        }

    return write


def _effect(point: Point, said: Said) -> Reading | None:
    return point(text_of(said.get("effect")) or "None")
