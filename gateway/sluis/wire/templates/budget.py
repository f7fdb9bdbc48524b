"""How much a template may do.

Theory of operation. Time and memory of a render are bounded by counting *steps*. Whatever makes or walks a value
pays for its weight first: one step per element of a container (counted through all levels) and one per
`CHARS_PER_STEP` characters. A loop pays, per turn, for the nodes of its body. No value may weigh more than
`WEIGHT_MAX`, so shared references cannot fake a small value that is huge when it is written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sluis.model import FrameError

STEPS_MAX = 8_000
"""Steps of one render. A step costs some 0.5 µs on an idle core here, so a render stays under 5 ms (10 ms on a busy
one). The largest template seen in the field, Zigbee2MQTT's action parser, takes about 1,500. Smaller and such a
template no longer renders; larger and a hostile one delays commands."""

CHARS_PER_STEP = 32
"""Characters that count as one step. Together with `STEPS_MAX` all texts a render makes stay under 256,000
characters, most of them freed before the next is made."""

CALL_STEPS = 4
"""What calling any filter, test or function costs at least: some 2 µs."""

WEIGHT_MAX = 4_000
"""Largest value, in steps: 4,000 elements or 128,000 characters."""

TEXT_MAX = 16_384
"""Characters of any text a template makes. The longest state Home Assistant itself stores is 255."""

PAYLOAD_MAX = 32_768
"""Characters of a payload that is given to a template. The largest states seen, of Zigbee devices with weekly
schedules, are some 8,000; larger ones are pictures or mistakes, and a list of their characters takes a megabyte."""

NUMBER_BITS_MAX = 4_096
"""Bits of the largest integer: multiplication of two such takes some microseconds."""


class TemplateFailed(FrameError):
    """A template cannot be used, or could not make anything of a payload."""

    code = "frame.template"
    hint = "Look at the device's raw frames; the template came with the device's discovery message."


class TooMuch(TemplateFailed):
    """A template wanted more than `budget` allows."""


class Budget:
    """Steps left in one render, and when that render happens."""

    __slots__ = ("at", "left")

    def __init__(self, at: datetime, steps: int = STEPS_MAX) -> None:
        self.at = at
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuch("the template takes too long")


CURRENT: ContextVar[Budget] = ContextVar("template budget")


def pay(*values: Any) -> None:
    """Pay for walking these values once."""
    CURRENT.get().spend(CALL_STEPS + sum(map(weigh, values)))


def weigh(value: Any) -> int:
    """What a value weighs, in steps; TooMuch when that is more than a template may hold."""
    kind = type(value)
    if kind is str or kind is bytes:
        return _weigh_text(value)
    if kind is int:
        if value.bit_length() > NUMBER_BITS_MAX:
            raise TooMuch("a number in the template is too large")
        return 0
    if kind is range:
        return check_weight(len(value))
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _weigh_container(value)
    return 0


def _weigh_text(value: str | bytes) -> int:
    if len(value) > PAYLOAD_MAX:
        raise TooMuch("a text in the template is too long")
    return len(value) // CHARS_PER_STEP


def _weigh_container(value: Any) -> int:
    total = 0
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            total += 2 * len(one)
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            total += len(one)
            waiting += one
        elif not isinstance(one, float | bool | None):
            total += weigh(one)
        check_weight(total)
    return total


def check_weight(weight: int) -> int:
    if weight > WEIGHT_MAX:
        raise TooMuch("a value in the template is too large")
    return weight


def check_text(length: int) -> None:
    """Before a text of this length is made."""
    if length > TEXT_MAX:
        raise TooMuch("the template makes too long a text")
    CURRENT.get().spend(1 + length // CHARS_PER_STEP)


def each(values: Any, cost: int) -> Iterator[Any]:
    """Iterate, paying `cost` steps per turn."""
    budget = CURRENT.get()
    iterable: Iterable[Any] = values
    for value in iterable:
        budget.spend(1 + cost)
        yield value
