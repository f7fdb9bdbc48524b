"""Rollups: what a minute or an hour of one point comes down to.

A `Rolled` can be merged with another of the same span without losing anything, because it keeps the sum and not the
mean; so a minute that lies in two segments of the log needs no special care. Numbers and switches (as 0 and 1)
give minimum, sum and maximum; texts are counted per word. Readings of bad quality are no measurements and count
nowhere; uncertain ones count, since hiding them would hide what may well be true.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from sluis.model import Value
from sluis.store import columns
from sluis.store.records import BAD, Record


class Resolution(IntEnum):
    """How fine; also the first bits of a block's id."""

    RAW = 0
    MINUTE = 1
    HOUR = 2

    @property
    def span_us(self) -> int:
        return (1, 60_000_000, 3_600_000_000)[self]


class Rolled(NamedTuple):
    """The readings of one span, in order of arrival."""

    start_us: int
    samples: int
    """How many values, numbers and texts."""
    least: float | None
    """None, like `total` and `most`, when there was no number."""
    total: float | None
    most: float | None
    last: Value
    """The last to arrive."""
    words: Mapping[str, int] | None = None
    """How often each text came; None when there was none."""

    @property
    def numbers(self) -> int:
        return self.samples - (sum(self.words.values()) if self.words else 0)

    def and_then(self, later: Rolled) -> Rolled:
        """This span with what arrived later in the same span."""
        words = None
        if self.words or later.words:
            words = dict(self.words or {})
            for word, count in (later.words or {}).items():
                words[word] = words.get(word, 0) + count
        return Rolled(
            self.start_us,
            self.samples + later.samples,
            _fold(min, self.least, later.least),
            _fold(_plus, self.total, later.total),
            _fold(max, self.most, later.most),
            later.last,
            words,
        )


def roll(records: Iterable[Record], resolution: Resolution) -> list[Rolled]:
    """Rollups in order of time, of readings in order of arrival."""
    span = resolution.span_us
    spans: dict[int, list[Value]] = {}
    for record in records:
        if record.flags & 3 != BAD:
            spans.setdefault(record.at_us // span, []).append(record.value)
    return [_rolled(index * span, values) for index, values in sorted(spans.items())]


def coarser(rolled: Iterable[Rolled], resolution: Resolution) -> list[Rolled]:
    """Merge spans (in order of arrival where they overlap) into larger ones."""
    span = resolution.span_us
    return merged(one._replace(start_us=one.start_us // span * span) for one in rolled)


def merged(rolled: Iterable[Rolled]) -> list[Rolled]:
    """Merge those of the same span; the order of arrival is kept within each."""
    spans: dict[int, Rolled] = {}
    for one in rolled:
        held = spans.get(one.start_us)
        spans[one.start_us] = held.and_then(one) if held else one
    return [spans[start] for start in sorted(spans)]


def pack_rollups(rolled: Sequence[Rolled], resolution: Resolution) -> bytes:
    """Rollups of one point in order of time; at least one."""
    starts, *rest = zip(*rolled, strict=True)
    return columns.join(len(rolled), ([start // resolution.span_us for start in starts], *rest))


def unpack_rollups(block: bytes, resolution: Resolution) -> list[Rolled]:
    """The rollups that `pack_rollups` was given."""
    _, (starts, *rest) = columns.part(block)
    return [Rolled(start * resolution.span_us, *one) for start, *one in zip(starts, *rest, strict=True)]


def _rolled(start_us: int, values: list[Value]) -> Rolled:
    words: dict[str, int] | None = None
    numbers: list[float] = []
    for value in values:
        if isinstance(value, str):
            words = words or {}
            words[value] = words.get(value, 0) + 1
        else:
            numbers.append(value + 0)  # a switch counts as 0 or 1
    if not numbers:
        return Rolled(start_us, len(values), None, None, None, values[-1], words)
    return Rolled(start_us, len(values), min(numbers), _sum(numbers), max(numbers), values[-1], words)


def _sum(numbers: Sequence[float]) -> float:
    """Correctly rounded; freed of the binary dust of decimal fractions, which would cost six bytes a span."""
    try:
        total = math.fsum(numbers)
    except (OverflowError, ValueError):  # beyond what a float holds, or both infinities
        return math.inf if numbers[-1] > 0 else -math.inf
    tidy = round(total, 6)
    return tidy if abs(tidy - total) <= abs(total) * 1e-15 else total


def _plus(one: float, other: float) -> float:
    return _sum((one, other))


def _fold(how: object, one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    result: float = how(one, other)  # type: ignore[operator]  # min, max or _plus
    return result
