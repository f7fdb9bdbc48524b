"""Columns of numbers, flags and texts as few bytes; what goes in comes out, to the bit and to the type.

Sensor values have few decimals and change little, clocks tick evenly: so whole numbers are stored as differences,
less the smallest difference, in the fewest whole bytes, with the bytes of equal weight side by side (zlib then
finds the rest). Floats that are decimal fractions (21.5, 230.04) become whole numbers with a scale, where that is
exact; others stay 8-byte floats. Whatever fits no scheme goes as MessagePack.

A column is one byte of kind and a body; `join` puts several in one compressed block.
"""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise, repeat
from typing import Any

import msgspec

NOTHING, INTS, DECIMALS, FLOATS, BOOLS, TEXTS, NUMBERS, OTHER = range(8)

SCALES = 7
"""Decimals tried. Sensors give up to three, energy meters up to six."""

EXACT = 2**53
"""Whole numbers below this survive the trip through a float."""

LEVEL = 6
"""zlib's: higher levels cost twice the time for a percent."""

WIDTHS = ((0x100, "B"), (0x10000, "H"), (0x100000000, "I"), (0x10000000000000000, "Q"))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def pack(values: Sequence[Any]) -> bytes:
    """A column of ints, floats, bools, texts or None, alike or mixed."""
    kinds = set(map(type, values))
    try:
        body = _packed(values, kinds)
    except OverflowError:  # differences beyond 64 bits, or an infinity
        body = None
    return body if body is not None else bytes([OTHER]) + _encode(list(values))


def unpack(column: bytes, count: int) -> list[Any]:
    """The `count` values that `pack` was given."""
    kind, body = column[0], column[1:]
    if kind == NOTHING:
        return [None] * count
    if kind == INTS:
        return _ints_of(body, count)
    if kind == BOOLS:
        return [bool(value) for value in _ints_of(body, count)]
    if kind == DECIMALS:
        return _decimals_of(body, count)
    if kind == FLOATS:
        return _array_of("d", body, count).tolist()
    if kind == TEXTS:
        words, order = split(body)
        dictionary = _decode(words)
        return [dictionary[index] for index in _ints_of(order, count)]
    if kind == NUMBERS:
        whole, numbers = split(body)
        return [int(n) if w else n for w, n in zip(_ints_of(whole, count), unpack(numbers, count), strict=True)]
    values: list[Any] = _decode(body)
    return values


def _packed(values: Sequence[Any], kinds: set[type]) -> bytes | None:
    if kinds <= {type(None)}:
        return bytes([NOTHING])
    if kinds == {int}:
        return bytes([INTS]) + _ints(values)
    if kinds == {bool}:
        return bytes([BOOLS]) + _ints([int(value) for value in values])
    if kinds == {float}:
        return _decimals(values) or bytes([FLOATS]) + _shuffled(array("d", values))
    if kinds == {str}:
        dictionary = {word: index for index, word in enumerate(dict.fromkeys(values))}
        return bytes([TEXTS]) + concat([_encode(list(dictionary)), _ints([dictionary[value] for value in values])])
    if kinds == {int, float} and all(abs(value) < EXACT for value in values if type(value) is int):
        whole = _ints([int(type(value) is int) for value in values])
        return bytes([NUMBERS]) + concat([whole, pack([float(value) for value in values])])
    return None


# -- whole numbers --------------------------------------------------------------------------------------------


def _ints(values: Sequence[int]) -> bytes:
    """First value, smallest difference, and the differences above it in the fewest bytes."""
    steps = [after - before for before, after in pairwise(values)]
    base = min(steps, default=0)
    span = max(steps, default=0) - base
    out = bytearray()
    _put(out, _zigzag(values[0]))
    _put(out, _zigzag(base))
    if span == 0:
        return bytes(out) + b"-"
    code = next((code for limit, code in WIDTHS if span < limit), None)
    if code is None:
        raise OverflowError
    return bytes(out) + code.encode() + _shuffled(array(code, [step - base for step in steps]))


def _ints_of(body: bytes, count: int) -> list[int]:
    first, at = _get(body, 0)
    base, at = _get(body, at)
    start, step, code = _unzigzag(first), _unzigzag(base), chr(body[at])
    if code == "-":
        return list(range(start, start + step * count, step)) if step else [start] * count
    return list(accumulate(map(int.__add__, _array_of(code, body[at + 1 :], count - 1), repeat(step)), initial=start))


def _decimals(values: Sequence[float]) -> bytes | None:
    """As whole numbers with a scale; None when some value is no decimal fraction of at most `SCALES` - 1 digits."""
    if any(value == 0.0 and math.copysign(1.0, value) < 0 for value in values):
        return None
    digits = 0
    for value in values:
        while digits < SCALES and round(value * 10**digits) / 10**digits != value:
            digits += 1
        if digits == SCALES:
            return None
    factor = 10**digits
    whole = [round(value * factor) for value in values]
    if any(number / factor != value for number, value in zip(whole, values, strict=True)):
        return None
    return bytes([DECIMALS, digits]) + _ints(whole)


def _decimals_of(body: bytes, count: int) -> list[float]:
    factor = 10 ** body[0]
    return [number / factor for number in _ints_of(body[1:], count)]


# -- bytes ----------------------------------------------------------------------------------------------------


def _shuffled(numbers: array[Any]) -> bytes:
    """All first bytes, then all second bytes, ...; little endian on every machine."""
    if sys.byteorder == "big":
        numbers.byteswap()
    data, width = numbers.tobytes(), numbers.itemsize
    return data if width == 1 else b"".join(data[plane::width] for plane in range(width))


def _array_of(code: str, body: bytes, count: int) -> array[Any]:
    numbers = array(code)
    width = numbers.itemsize
    data = bytearray(count * width)
    for plane in range(width):
        data[plane::width] = body[plane * count : (plane + 1) * count]
    numbers.frombytes(bytes(data))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def concat(parts: Sequence[bytes]) -> bytes:
    """Parts with their lengths, so that `split` finds them."""
    out = bytearray()
    for part in parts:
        _put(out, len(part))
        out += part
    return bytes(out)


def split(body: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(body):
        length, at = _get(body, at)
        parts.append(body[at : at + length])
        at += length
    return parts


def join(count: int, columns: Sequence[Sequence[Any]]) -> bytes:
    """Columns of `count` values each as one block, compressed where that is smaller."""
    head = bytearray()
    _put(head, count)
    plain = bytes(head) + concat([pack(column) for column in columns])
    packed = zlib.compress(plain, LEVEL)
    return b"\1" + packed if len(packed) < len(plain) else b"\0" + plain


def part(block: bytes) -> tuple[int, list[list[Any]]]:
    """The count and the columns that `join` was given."""
    plain = zlib.decompress(block[1:]) if block[0] else block[1:]
    count, at = _get(plain, 0)
    return count, [unpack(column, count) for column in split(plain[at:])]


def _put(out: bytearray, number: int) -> None:
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _get(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _unzigzag(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2
