"""Registers to values and back. Pure arithmetic; what cannot be is said with a FrameError or an OutOfRange."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence

from sluis.model import Command, Kind, OutOfRange, Quality, Reading, Value
from sluis.sdk.payload import wished_number, wished_switch, wished_word
from sluis_drivers.modbus.mapping import FORMATS, Register


def reading(register: Register, words: Sequence[int]) -> Reading | None:
    """What the registers of one value say; None for "not available".

    A float that is not finite stays so: the twin refuses it by the point's name, and it is counted. A number that is
    none of the choices is kept, marked as uncertain.
    """
    if register.type == "bit":
        return Reading(register.point.key, bool(words[0]))
    raw = number_of(register, words)
    if isinstance(raw, str):
        return Reading(register.point.key, raw)
    if _is_none(register, raw):
        return None
    if not math.isfinite(raw):
        return Reading(register.point.key, math.nan)
    if register.width:
        raw = int(raw) >> register.low & (1 << register.width) - 1
    kind = register.point.kind
    if kind is Kind.SWITCH:
        return Reading(register.point.key, raw != 0)
    if register.choices is not None:
        word = register.choices.get(int(raw))
        return Reading(register.point.key, word or str(raw), Quality.GOOD if word else Quality.UNCERTAIN)
    return Reading(register.point.key, scaled(raw, register.scale, register.offset))


def number_of(register: Register, words: Sequence[int]) -> float | str:
    """The value as the device wrote it."""
    data = bytes_of(words, register.order)
    if register.type == "string":
        text = data.split(b"\0", 1)[0].decode("latin-1")
        return "".join(char for char in text if char.isprintable()).strip()
    (raw,) = struct.unpack(f">{FORMATS[register.type][0]}", data)
    return shortest(raw) if register.type == "float32" else raw


def bytes_of(words: Sequence[int], order: str) -> bytes:
    """The bytes of some registers, highest first."""
    if order in ("CDAB", "DCBA"):
        words = words[::-1]
    little = order in ("BADC", "DCBA")
    return struct.pack(f"{'<' if little else '>'}{len(words)}H", *words)


def words_of(data: bytes, order: str) -> list[int]:
    """The registers that `bytes_of` reads as `data`."""
    little = order in ("BADC", "DCBA")
    words = list(struct.unpack(f"{'<' if little else '>'}{len(data) // 2}H", data))
    return words[::-1] if order in ("CDAB", "DCBA") else words


def _is_none(register: Register, raw: float) -> bool:
    """Whether it is one of the values that stand for "not available": whole numbers are compared as bits, so that
    0x8000 is what an s16 calls -32768."""
    if not register.none:
        return False
    if isinstance(raw, float):
        return any(raw == value or (math.isnan(raw) and math.isnan(value)) for value in register.none)
    mask = (1 << 16 * register.words) - 1
    return any(math.isfinite(value) and raw & mask == int(value) & mask for value in register.none)


def scaled(raw: float, scale: float, offset: float) -> float:
    """`raw * scale + offset`, without the digits that only binary arithmetic adds: 2301 * 0.1 is 230.1."""
    value = raw * scale + offset
    return value if isinstance(value, int) else float(f"{value:.12g}")


def shortest(value: float) -> float:
    """The float with the fewest digits that is this 32 bit float: 230.1, not 230.10000610351562."""
    if not math.isfinite(value):
        return value
    packed = struct.pack(">f", value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) < 3.4e38 and struct.pack(">f", short) == packed:
            return short
    return value


def wished(register: Register, command: Command) -> int | list[int]:
    """What a command asks to be written: registers, or 0 / 1 for a coil. OutOfRange when it cannot be."""
    key, kind = register.point.key, register.point.kind
    if kind is Kind.SWITCH:
        on = int(wished_switch(key, command.value))
        return on if register.type == "bit" else _packed(register, on, on)
    if kind is Kind.CHOICE:
        choices: Mapping[int, str] = register.write_choices or register.choices or {}
        word = wished_word(key, command.value, tuple(choices.values()))
        return _packed(register, next(number for number, one in choices.items() if one == word), word)
    value = wished_number(key, command.value)
    low, high = register.point.minimum, register.point.maximum
    assert low is not None and high is not None  # a map without is refused
    if not low <= value <= high:
        raise OutOfRange(f"{key} is {low} to {high}, not {value}")
    raw = (value - register.offset) / register.scale
    return _packed(register, raw if register.type.startswith("float") else round(raw), value)


def _packed(register: Register, raw: float, value: Value) -> list[int]:
    try:
        data = struct.pack(f">{FORMATS[register.type][0]}", raw)
    except (struct.error, OverflowError):
        raise OutOfRange(f"{register.point.key} cannot be written as {value!r}: no {register.type}") from None
    return words_of(data, register.order)
