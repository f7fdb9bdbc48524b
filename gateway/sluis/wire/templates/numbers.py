"""Numbers in templates: conversions with defaults, rounding, mathematics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from jinja2.runtime import Undefined

from sluis.wire.templates.budget import TemplateFailed, TooMuch

NO_DEFAULT: Any = object()

PRECISION_MAX = 100
"""Digits `round` may be asked for; a larger power of ten is only asked for to waste time."""


def no_default(name: str, value: Any, default: Any = NO_DEFAULT) -> Any:
    """The default, or why there is no value without one."""
    if default is not NO_DEFAULT:
        return default
    shown = "nothing" if isinstance(value, Undefined) else repr(value)[:60]
    raise TemplateFailed(f"{name} got {shown} and has no default")


def to_float(value: Any, default: Any = NO_DEFAULT) -> Any:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return no_default("float", value, default)


def to_int(value: Any, default: Any = NO_DEFAULT, base: int = 10) -> Any:
    """As Jinja's own `int`: texts in `base`, then whatever a float can be made of, cut off."""
    try:
        return int(value, base) if isinstance(value, str) else int(value)
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        return no_default("int", value, default)


def to_round(value: Any, precision: int = 0, method: str = "common", default: Any = NO_DEFAULT) -> Any:
    if isinstance(precision, int) and abs(precision) > PRECISION_MAX:
        raise TooMuch(f"rounding to {precision} digits")
    try:
        power = float(10**precision)
        if method == "ceil":
            rounded: float = math.ceil(float(value) * power) / power
        elif method == "floor":
            rounded = math.floor(float(value) * power) / power
        elif method == "half":
            rounded = round(float(value) * 2) / 2
        else:
            rounded = round(float(value), precision)
        return int(rounded) if precision == 0 else rounded
    except (ValueError, TypeError, OverflowError):
        return no_default("round", value, default)


_TRUE = frozenset(("1", "true", "yes", "on", "enable"))
_FALSE = frozenset(("0", "false", "no", "off", "disable"))


def to_bool(value: Any, default: Any = NO_DEFAULT) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.lower().strip()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    elif isinstance(value, int | float):
        return value != 0
    return no_default("bool", value, default)


def is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (ValueError, TypeError, OverflowError):
        return False


def multiply(value: Any, amount: Any, default: Any = NO_DEFAULT) -> Any:
    try:
        return float(value) * amount
    except (ValueError, TypeError, OverflowError):
        return no_default("multiply", value, default)


def add(value: Any, amount: Any, default: Any = NO_DEFAULT) -> Any:
    try:
        return float(value) + amount
    except (ValueError, TypeError, OverflowError):
        return no_default("add", value, default)


def log(value: Any, base: Any = math.e, default: Any = NO_DEFAULT) -> Any:
    try:
        return math.log(float(value), float(base))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        return no_default("log", value, default)


def _plain(name: str, function: Callable[[float], float]) -> Callable[..., Any]:
    def call(value: Any, default: Any = NO_DEFAULT) -> Any:
        try:
            return function(float(value))
        except (ValueError, TypeError, OverflowError):
            return no_default(name, value, default)

    return call


def atan2(*values: Any, default: Any = NO_DEFAULT) -> Any:
    if values and isinstance(values[0], list | tuple):
        default = values[1] if len(values) == 2 and default is NO_DEFAULT else default
        values = tuple(values[0])
    elif len(values) == 3 and default is NO_DEFAULT:
        default = values[2]
    try:
        return math.atan2(float(values[0]), float(values[1]))
    except (ValueError, TypeError, IndexError, OverflowError):
        return no_default("atan2", values, default)


def _statistic(name: str, function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    def call(*values: Any, default: Any = NO_DEFAULT) -> Any:
        numbers: Iterable[Any] = values
        if values and isinstance(values[0], Iterable):
            numbers = values[0]
            default = values[1] if len(values) > 1 and default is NO_DEFAULT else default
        try:
            return function(numbers)
        except (TypeError, ValueError, OverflowError):
            return no_default(name, values, default)

    return call


def clamp(value: Any, least: Any, most: Any) -> float:
    return max(float(least), min(float(most), float(value)))


def wrap(value: Any, least: Any, most: Any) -> float:
    """Into [least, most), going round."""
    low, span = float(least), float(most) - float(least)
    return low if span == 0 else (float(value) - low) % span + low


def remap(
    value: Any, in_min: Any, in_max: Any, out_min: Any, out_max: Any, *, steps: int = 0, edges: str = "none"
) -> float:
    """From one range into another, linear."""
    low, high, out_low, out_high = float(in_min), float(in_max), float(out_min), float(out_max)
    number = _at_the_edge(float(value), low, high, edges)
    part = (number - low) / (high - low)
    if steps > 0:
        part = round(part * steps) / steps
    return out_low + part * (out_high - out_low)


def _at_the_edge(number: float, low: float, high: float, edges: str) -> float:
    if edges == "clamp":
        return max(low, min(high, number))
    if edges == "wrap":
        return (number - low) % (high - low) + low
    if edges == "mirror":
        turn, rest = divmod(number - low, high - low)
        return low + (rest if turn % 2 == 0 else high - low - rest)
    return number


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "float": to_float,
    "int": to_int,
    "bool": to_bool,
    "is_number": is_number,
    "log": log,
    "sqrt": _plain("sqrt", math.sqrt),
    "sin": _plain("sin", math.sin),
    "cos": _plain("cos", math.cos),
    "tan": _plain("tan", math.tan),
    "asin": _plain("asin", math.asin),
    "acos": _plain("acos", math.acos),
    "atan": _plain("atan", math.atan),
    "atan2": atan2,
    "average": _statistic("average", statistics.fmean),
    "median": _statistic("median", statistics.median),
    "statistical_mode": _statistic("statistical_mode", statistics.mode),
    "bitwise_and": lambda first, second: first & second,
    "bitwise_or": lambda first, second: first | second,
    "bitwise_xor": lambda first, second: first ^ second,
    "clamp": clamp,
    "wrap": wrap,
    "remap": remap,
}
"""What is both a function and a filter."""

FILTERS: dict[str, Callable[..., Any]] = {"round": to_round, "multiply": multiply, "add": add}

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
