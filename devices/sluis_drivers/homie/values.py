"""Payloads of Homie 5, section "Payloads": strings in, values out, and back.

A payload that its datatype does not allow is `Implausible`; a wish that it cannot express is `OutOfRange`.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from sluis.model import OutOfRange
from sluis.sdk import Implausible, Value
from sluis.sdk.payload import json_of, wished_number, wished_switch, wished_word

INTEGER = re.compile(r"-?[0-9]{1,19}")
FLOAT = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE]-?[0-9]{1,3})?")
DURATION = re.compile(r"PT(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)S)?")
HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
RANGES: Mapping[str, tuple[float, ...]] = {"rgb": (255, 255, 255), "hsv": (360, 100, 100), "xyz": (1, 1)}
"""Colour format -> largest value of each of its numbers; the smallest is 0."""
TEXT_MAX = 255
"""Characters of a text that are kept. A reading is a value to look at, not a document."""


def text(data: bytes) -> str:
    """A payload as text. The one-byte payload 00 is the empty string."""
    try:
        said = data.decode()
    except UnicodeDecodeError as error:
        raise Implausible("not UTF-8") from error
    return "" if said == "\0" else said


def integer(said: str) -> int:
    number = int(said) if INTEGER.fullmatch(said) else 2**64
    if not -(2**63) <= number < 2**63:
        raise Implausible(f"{said:.40} is no integer of 64 bits")
    return number


def floating(said: str) -> float:
    number = float(said) if len(said) <= 400 and FLOAT.fullmatch(said) else float("inf")
    if number in (float("inf"), float("-inf")):
        raise Implausible(f"{said:.40} is no float")
    return number


def boolean(said: str) -> bool:
    if said not in ("true", "false"):
        raise Implausible(f"{said:.40} is neither true nor false")
    return said == "true"


def duration_s(said: str) -> float:
    """`PTxHxMxS` in seconds."""
    found = DURATION.fullmatch(said)
    if found is None:
        raise Implausible(f"{said:.40} is no duration")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def instant(said: str) -> str:
    try:
        datetime.fromisoformat(said)
    except ValueError as error:
        raise Implausible(f"{said:.40} is no ISO 8601 date") from error
    return said[:TEXT_MAX]


def document(said: str) -> str:
    """JSON, an array or an object, as it is."""
    if not isinstance(json_of(said.encode()), dict | list):
        raise Implausible("JSON, but neither array nor object")
    return said[:TEXT_MAX]


def colour(said: str, formats: tuple[str, ...]) -> str:
    """`#rrggbb` of an rgb or hsv colour; `x,y` of an xyz one."""
    name, *parts = said.split(",")
    highest = RANGES.get(name, ())
    numbers = [floating(part) for part in parts]
    if name not in formats or len(numbers) != len(highest):
        raise Implausible(f"{said:.40} is no colour of {', '.join(formats)}")
    if any(not 0 <= number <= most for number, most in zip(numbers, highest, strict=True)):
        raise Implausible(f"{said:.40} is out of the range of {name}")
    if name == "xyz":
        return f"{numbers[0]:g},{numbers[1]:g}"
    if name == "hsv":
        numbers = [255 * one for one in colorsys.hsv_to_rgb(numbers[0] / 360, numbers[1] / 100, numbers[2] / 100)]
    return "#" + "".join(f"{round(one):02x}" for one in numbers)


def choice(said: str, options: tuple[str, ...]) -> str:
    if said not in options:
        raise Implausible(f"{said!r:.40} is not one of {', '.join(options):.80}")
    return said


# -- the other way ------------------------------------------------------------------------------------------


def wish_integer(key: str, value: Value | None) -> str:
    number = wished_number(key, value)
    if number != int(number) or not -(2**63) <= number < 2**63:
        raise OutOfRange(f"{key} takes a whole number of 64 bits, not {value!r:.80}")
    return str(int(number))


def wish_float(key: str, value: Value | None) -> str:
    """Homie allows no plus sign in an exponent."""
    try:
        number = float(wished_number(key, value))
    except OverflowError as error:
        raise OutOfRange(f"{key}: {value!r:.80} is too large") from error
    return repr(int(number) if number.is_integer() and abs(number) < 2**53 else number).replace("e+", "e")


def wish_boolean(key: str, value: Value | None) -> str:
    return "true" if wished_switch(key, value) else "false"


def wish_duration(key: str, value: Value | None) -> str:
    seconds = wished_number(key, value)
    if not 0 <= seconds < 1e9:
        raise OutOfRange(f"{key} takes 0 to 1,000,000,000 s, not {value!r:.80}")
    whole, rest = divmod(seconds, 1)
    minutes, second = divmod(int(whole), 60)
    hour, minute = divmod(minutes, 60)
    parts = (f"{hour}H" if hour else "", f"{minute}M" if minute else "")
    last = f"{second + rest:.3f}".rstrip("0").rstrip(".")
    return "PT" + "".join(parts) + (f"{last}S" if last != "0" or not any(parts) else "")


def wish_text(key: str, value: Value | None) -> str:
    """An empty text is the one-byte payload 00; an empty payload would delete the topic."""
    return wished_word(key, value) or "\0"


def wish_read(read: Callable[[str], Value]) -> Callable[[str, Value | None], str]:
    """A text that must read as what it is for (a date, a document)."""

    def wish(key: str, value: Value | None) -> str:
        said = wished_word(key, value)
        try:
            read(said)
        except Implausible as error:
            raise OutOfRange(f"{key}: {error}") from error
        return said

    return wish


def wish_colour(formats: tuple[str, ...]) -> Callable[[str, Value | None], str]:
    """`#rrggbb` in the device's own preferred format, or `x,y` where it takes only that."""

    def wish(key: str, value: Value | None) -> str:
        said = wished_word(key, value)
        name = next((one for one in formats if one != "xyz"), "xyz")
        if name == "xyz":
            return wish_read(lambda xy: colour(f"xyz,{xy}", ("xyz",)))(key, said).join(("xyz,", ""))
        if not HEX_COLOUR.fullmatch(said):
            raise OutOfRange(f"{key}: {said!r:.20} is no colour; write #rrggbb")
        red, green, blue = bytes.fromhex(said[1:])
        if name == "rgb":
            return f"rgb,{red},{green},{blue}"
        hue, saturation, brightness = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        return f"hsv,{hue * 360:.2f},{saturation * 100:.2f},{brightness * 100:.2f}"

    return wish
