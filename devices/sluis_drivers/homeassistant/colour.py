"""Colours as devices write them, against the one form of a colour point: `#rrggbb` at full brightness.

Sources: IEC 61966-2-1 (sRGB) for the matrix between XYZ and RGB; mired is 1,000,000 / kelvin.
"""

from __future__ import annotations

import colorsys

from sluis.sdk import Implausible, Value


def hex_of(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{min(255, max(0, round(one))):02x}" for one in (red, green, blue))


def rgb_of(colour: Value | None) -> tuple[int, int, int]:
    """Implausible when the text is no `#rrggbb`."""
    text = str(colour).removeprefix("#")
    try:
        if len(text) != 6:
            raise ValueError
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
    except ValueError as error:
        raise Implausible(f"{text!r:.20} is no colour; write #rrggbb") from error


def hex_of_hs(hue: float, saturation: float) -> str:
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, min(100, max(0, saturation)) / 100, 1)
    return hex_of(red * 255, green * 255, blue * 255)


def hs_of(colour: Value | None) -> tuple[float, float]:
    red, green, blue = rgb_of(colour)
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    return round(hue * 360, 3), round(saturation * 100, 3)


def hex_of_xy(x: float, y: float) -> str:
    if y <= 0:
        raise Implausible("a colour with y of 0")
    big_x, big_z = x / y, (1 - x - y) / y
    linear = (
        3.2406 * big_x - 1.5372 - 0.4986 * big_z,
        -0.9689 * big_x + 1.8758 + 0.0415 * big_z,
        0.0557 * big_x - 0.2040 + 1.0570 * big_z,
    )
    largest = max(*linear, 1e-9)
    return hex_of(*(255 * _gamma(max(0.0, one) / largest) for one in linear))


def xy_of(colour: Value | None) -> tuple[float, float]:
    red, green, blue = (_linear(one / 255) for one in rgb_of(colour))
    big_x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    big_y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    big_z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    total = big_x + big_y + big_z
    return (round(big_x / total, 4), round(big_y / total, 4)) if total else (0.3127, 0.329)


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else float(1.055 * linear ** (1 / 2.4) - 0.055)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def kelvin(mired: float) -> float:
    """Kelvin of mired and mired of kelvin; the rule is the same both ways."""
    if mired <= 0:
        raise Implausible(f"a colour temperature of {mired:g}")
    return float(round(1_000_000 / mired))
