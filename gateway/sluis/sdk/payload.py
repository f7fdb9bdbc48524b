"""Reading JSON payloads: what is not as it should be raises `Implausible`, never anything else."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from sluis.model import Implausible, NotMine, OutOfRange, UnknownPoint, Value


def json_of(data: bytes) -> Any:
    """The JSON a payload holds. NaN and Infinity are not JSON."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Implausible(f"not JSON: {error}") from error


def object_of(data: bytes) -> dict[str, Any]:
    """The JSON object a payload holds."""
    said = json_of(data)
    if type(said) is not dict:
        raise Implausible("not a JSON object")
    return said


def dict_of(value: object) -> dict[str, Any]:
    """`value` where it is an object, else {}: for the parts of a description that may be missing or damaged."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """`value` where it is a list, else []."""
    return value if isinstance(value, list) else []


def text_of(value: object, limit: int = 80) -> str:
    """`value` where it is text, cut to `limit` characters, else ""."""
    return value[:limit] if isinstance(value, str) else ""


def number_of(value: object) -> float:
    """A finite number. Implausible for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Implausible(f"{str(value)[:40]!r} is not a number")
    return value


def limit_of(value: object) -> float | None:
    """A number of a description (a range's end), or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return value


def topic_word(frame_data: bytes) -> str:
    """A plain word of at most 40 ASCII characters. NotMine when the payload is no such thing."""
    if len(frame_data) > 40 or not frame_data.isascii():
        raise NotMine
    return frame_data.decode("ascii")


def wished_number(point: str, value: Value | None) -> float:
    """The number of a command. OutOfRange when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OutOfRange(f"{point} takes a number, not {value!r:.80}")
    return value


def wished_switch(point: str, value: Value | None) -> bool:
    """The true or false of a command. OutOfRange when it is neither."""
    if not isinstance(value, bool):
        raise OutOfRange(f"{point} is on or off, not {value!r:.80}")
    return value


def wished_word(point: str, value: Value | None, options: tuple[str, ...] = ()) -> str:
    """The word of a command, one of `options` where there are any. OutOfRange when it is not."""
    if not isinstance(value, str) or (options and value not in options):
        raise OutOfRange(f"{point} has no option {value!r:.80}", hint=f"One of: {', '.join(options)}")
    return value


def no_such_point(point: str) -> UnknownPoint:
    """The error of a command for a point that cannot be written."""
    return UnknownPoint(f"there is nothing to command at {point!r}")
