"""What a template can call: Home Assistant's filters, tests and functions, as far as they make sense here.

Not here: what needs a running Home Assistant (states, areas, devices, labels), chance (`random`, `shuffle`), and
what only serves to lay out pages. A template that uses those is refused when it is compiled.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import msgspec
from jinja2.filters import FILTERS as BUILTIN_FILTERS
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as BUILTIN_TESTS
from jinja2.utils import Namespace

from sluis.wire.templates import numbers, times
from sluis.wire.templates.budget import CURRENT, TooMuch, check_text, each, pay, weigh
from sluis.wire.templates.numbers import NO_DEFAULT, no_default
from sluis.wire.templates.patterns import matching

STRUCT_MAX = 64
"""Bytes that `pack` and `unpack` may handle."""


def words(text: str) -> list[str]:
    return text.split()


_KEPT_FILTERS = words(
    "abs capitalize count d default dictsort e escape first float groupby items last length list lower map max min "
    "reject rejectattr reverse select selectattr sort string title trim truncate unique upper urlencode wordcount"
)
_KEPT_TESTS = words(
    "boolean callable defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le "
    "lessthan lower lt mapping ne none number odd sameas sequence string true undefined upper == != < <= > >="
)


def is_defined(value: Any) -> Any:
    """The value; a failure when there is none."""
    if isinstance(value, Undefined):
        value()
    return value


def from_json(value: Any, default: Any = NO_DEFAULT) -> Any:
    try:
        return msgspec.json.decode(value)
    except (ValueError, TypeError, RecursionError):
        return no_default("from_json", value, default)


def to_json(value: Any, ensure_ascii: bool = False, pretty_print: bool = False, sort_keys: bool = False) -> str:
    return json.dumps(
        value,
        ensure_ascii=bool(ensure_ascii),
        indent=2 if pretty_print else None,
        separators=None if pretty_print or ensure_ascii else (",", ":"),
        sort_keys=bool(sort_keys),
    )


def iif(value: Any, if_true: Any = True, if_false: Any = False, if_none: Any = NO_DEFAULT) -> Any:
    if value is None and if_none is not NO_DEFAULT:
        return if_none
    return if_true if value else if_false


def ordinal(value: Any) -> str:
    text = str(value)
    teens = int(text[-2:]) % 100 in (11, 12, 13)
    return text + ("th" if teens else {"1": "st", "2": "nd", "3": "rd"}.get(text[-1], "th"))


def regex_match(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    pattern, text = matching(find, value, ignore_case=ignorecase)
    return bool(pattern.match(text))


def regex_search(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    pattern, text = matching(find, value, ignore_case=ignorecase)
    return bool(pattern.search(text))


def regex_replace(value: Any = "", find: str = "", replace: str = "", ignorecase: bool = False) -> str:
    pattern, text = matching(find, value, ignore_case=ignorecase)
    # A replacement may name groups, each as long as the whole text, at every place.
    check_text((len(text) + 1) * (len(str(replace)) + 1) + len(text) * str(replace).count("\\") * len(text))
    return pattern.sub(replace, text)


def regex_findall(value: Any, find: str = "", ignorecase: bool = False) -> list[Any]:
    pattern, text = matching(find, value, ignore_case=ignorecase)
    CURRENT.get().spend(len(text) * (1 + pattern.groups))
    return pattern.findall(text)


def regex_findall_index(value: Any, find: str = "", index: int = 0, ignorecase: bool = False) -> Any:
    return regex_findall(value, find, ignorecase)[index]


def pack(value: Any, format_string: str) -> bytes | None:
    try:
        return struct.pack(_struct(format_string), value)
    except struct.error:
        return None


def unpack(value: bytes, format_string: str, offset: int = 0) -> Any:
    try:
        return struct.unpack_from(_struct(format_string), value, offset)[0]
    except struct.error:
        return None


def _struct(format_string: Any) -> str:
    text = str(format_string)
    if len(text) > STRUCT_MAX or struct.calcsize(text) > STRUCT_MAX:
        raise TooMuch("a binary format in the template is too long")
    return text


def base64_decode(value: Any, encoding: str | None = "utf-8") -> Any:
    try:
        decoded = base64.b64decode(value)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    return decoded if encoding is None else decoded.decode("utf-8")


def base64_encode(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def combine(*values: Any, recursive: bool = False) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for value in values:
        for key, item in value.items():
            both = isinstance(result.get(key), dict) and isinstance(item, dict)
            result[key] = combine(result[key], item, recursive=True) if recursive and both else item
    return result


def flatten(values: Iterable[Any], levels: int | None = None) -> list[Any]:
    if isinstance(values, str):
        raise TypeError("flatten expects a list")
    flat: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple | set) and (levels is None or levels >= 1):
            flat += flatten(value, None if levels is None else levels - 1)
        else:
            flat.append(value)
    return flat


def join(values: Iterable[Any], between: str = "", attribute: Any = None) -> str:
    if attribute is not None:
        raise TooMuch("join by attribute is not supported")
    parts = [str(value) for value in values]
    check_text(sum(map(len, parts)) + len(str(between)) * len(parts))
    return str(between).join(parts)


def replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text, old, new = str(value), str(old), str(new)
    check_text(len(text) + (text.count(old) if old else len(text) + 1) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def total(values: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if not isinstance(start, int | float):
        raise TypeError("sum starts with a number")
    wanted = (value[attribute] for value in values) if attribute is not None else values
    return sum(wanted, start)


def format_old(text: str, *values: Any, **named: Any) -> str:
    """`"%.1f" | format(x)`."""
    if values and named:
        raise TypeError("format takes positions or names, not both")
    return old_style(str(text), named or values)


def old_style(text: str, values: Any) -> str:
    """The % operator on texts, without widths that only serve to waste memory."""
    check_widths(text)
    check_text(len(text) + weigh_shown(values) * (1 + text.count("%(")))
    shown: str = text % values
    return shown


_WIDE = re.compile(r"%[^a-zA-Z%]*?(?:\*|\d{3})")
_WIDE_FIELD = re.compile(r"\{[^{}]*:[^{}]*(?:\{|\d{3})")


def check_widths(text: str, wide: re.Pattern[str] = _WIDE) -> None:
    """TooMuch when a format asks for a width or precision of three digits, or takes it from its values."""
    if wide.search(text):
        raise TooMuch("a format in the template asks for too great a width")


def check_fields(text: str) -> None:
    """The same for `str.format`."""
    check_widths(text, _WIDE_FIELD)


def weigh_shown(value: Any) -> int:
    """Characters that a value takes when written out, at most (an estimate from above)."""
    if isinstance(value, str | bytes):
        return 4 * len(value) + 3
    if isinstance(value, Mapping):
        return 2 + sum(weigh_shown(key) + weigh_shown(item) + 4 for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return 2 + sum(weigh_shown(item) + 2 for item in value)
    if isinstance(value, int):
        return 2 + value.bit_length() // 3
    return 400


def intersect(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    return list(set(first) & set(second))


def difference(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    return list(set(first) - set(second))


def union(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    return list(set(first) | set(second))


def symmetric_difference(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    return list(set(first) ^ set(second))


def contains(values: Any, item: Any) -> bool:
    return item in values


class MakeDict:
    """`dict(...)`, and `dict.from_keys(pairs)` as Zigbee2MQTT writes it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def from_keys(self, pairs: Iterable[Any]) -> dict[Any, Any]:
        return dict(pairs)


def smallest(*values: Any) -> Any:
    return min(*values)


def largest(*values: Any) -> Any:
    return max(*values)


_BOTH: dict[str, Callable[..., Any]] = numbers.FUNCTIONS | {
    "iif": iif,
    "as_datetime": times.as_datetime,
    "as_timestamp": times.as_timestamp,
    "as_timedelta": times.as_timedelta,
    "as_local": times.as_local,
    "today_at": times.today_at,
    "pack": pack,
    "unpack": unpack,
    "combine": combine,
    "flatten": flatten,
    "intersect": intersect,
    "difference": difference,
    "union": union,
    "symmetric_difference": symmetric_difference,
    "typeof": lambda value: type(value).__name__,
}

_FUNCTIONS: dict[str, Callable[..., Any]] = _BOTH | {
    "now": times.now,
    "utcnow": times.now,
    "strptime": times.strptime,
    "timedelta": timedelta,
    "min": smallest,
    "max": largest,
    "range": range,
    "set": set,
    "tuple": tuple,
    "zip": lambda *values: list(zip(*values, strict=False)),
}

_FILTERS: dict[str, Callable[..., Any]] = (
    {name: BUILTIN_FILTERS[name] for name in _KEPT_FILTERS}
    | numbers.FILTERS
    | _BOTH
    | {
        "is_defined": is_defined,
        "from_json": from_json,
        "to_json": to_json,
        "tojson": to_json,
        "timestamp_custom": times.timestamp_custom,
        "timestamp_local": times.timestamp_iso,
        "timestamp_utc": times.timestamp_iso,
        "base64_encode": base64_encode,
        "base64_decode": base64_decode,
        "from_hex": bytes.fromhex,
        "ord": ord,
        "ordinal": ordinal,
        "contains": contains,
        "regex_match": regex_match,
        "regex_search": regex_search,
        "regex_replace": regex_replace,
        "regex_findall": regex_findall,
        "regex_findall_index": regex_findall_index,
        "join": join,
        "replace": replace,
        "sum": total,
        "format": format_old,
    }
)

_OWN_TESTS: dict[str, Callable[..., Any]] = {
    "is_number": numbers.is_number,
    "contains": contains,
    "match": regex_match,
    "search": regex_search,
    "list": lambda value: isinstance(value, list),
    "set": lambda value: isinstance(value, set),
    "tuple": lambda value: isinstance(value, tuple),
    "datetime": lambda value: isinstance(value, datetime),
    "string_like": lambda value: isinstance(value, str | bytes | bytearray),
}
_BUILTIN_TESTS: Mapping[str, Any] = BUILTIN_TESTS
_TESTS: dict[str, Callable[..., Any]] = {**{name: _BUILTIN_TESTS[name] for name in _KEPT_TESTS}, **_OWN_TESTS}


def paid(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which pays for what it is given and for what it makes."""

    # Some of Jinja's own take the environment or the context first; nobody pays for that.
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        pay(*args[first:], *kwargs.values())
        result = function(*args, **kwargs)
        CURRENT.get().spend(weigh(result))
        return result

    return call


def concatenated(first: Any, *rest: Any) -> str:
    """The ~ operator."""
    check_text(sum(map(weigh_shown, (first, *rest))))
    return "".join(map(str, (first, *rest)))


def checked(value: Any) -> Any:
    """A list or dictionary written in the template."""
    pay(value)
    return value


FILTERS = {name: paid(function) for name, function in _FILTERS.items()} | {
    "~": concatenated,
    "checked": checked,
    "each": each,
}
"""The last three are put in by the compiler; a template cannot name them, because they are checked by then."""
TESTS = {name: paid(function) for name, function in _TESTS.items()}
GLOBALS: dict[str, Any] = (
    {name: paid(function) for name, function in _FUNCTIONS.items()}
    | numbers.CONSTANTS
    | {"dict": MakeDict(), "namespace": Namespace}
)

__all__ = ["FILTERS", "GLOBALS", "TESTS", "check_fields", "old_style", "weigh_shown", "words"]
