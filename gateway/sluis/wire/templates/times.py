"""Times in templates.

A template knows one moment: when its frame was received. So the same frame always gives the same reading. "Local"
time is UTC here: the driver that renders does not know in which time zone the building stands.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sluis.wire.templates.budget import CURRENT, TooMuch
from sluis.wire.templates.numbers import NO_DEFAULT, no_default

FORMAT_MAX = 60
"""Characters of a date format."""

DIRECTIVES_MAX = 10
"""Directives in a format that is *parsed*: each may match in two ways, so ten are a thousand ways."""

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_PLAIN_DURATION = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<days>\d+) days?, )?(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)"
)


def now() -> datetime:
    return CURRENT.get().at


def today_at(text: str = "") -> datetime:
    start = datetime.combine(now().date(), time(), UTC)
    return datetime.combine(start.date(), time.fromisoformat(text), UTC) if text else start


def parse(text: str) -> datetime | None:
    """An ISO 8601 date and time, or None."""
    try:
        return datetime.fromisoformat(text[:64])
    except ValueError:
        return None


def as_datetime(value: Any, default: Any = NO_DEFAULT) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        pass
    found = parse(value) if isinstance(value, str) else None
    if found is not None:
        return found
    if default is not NO_DEFAULT:
        return default
    return None if isinstance(value, str) else no_default("as_datetime", value)


def as_timestamp(value: Any, default: Any = NO_DEFAULT) -> Any:
    found = value if isinstance(value, datetime) else parse(str(value))
    if found is not None:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return no_default("as_timestamp", value, default)


def as_local(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def as_timedelta(value: str) -> timedelta | None:
    text = str(value)[:64]
    found = _DURATION.fullmatch(text) or _PLAIN_DURATION.fullmatch(text)
    if found is None:
        return None
    parts = {name: float(part) for name, part in found.groupdict(default="0").items() if name != "sign"}
    span = timedelta(**parts)
    return -span if found["sign"] == "-" else span


def timestamp_custom(
    value: Any, date_format: str = "%Y-%m-%d %H:%M:%S", local: bool = True, default: Any = NO_DEFAULT
) -> Any:
    moment = _moment(value)
    if moment is None:
        return no_default("timestamp_custom", value, default)
    return moment.strftime(checked_format(date_format))


def timestamp_iso(value: Any, default: Any = NO_DEFAULT) -> Any:
    moment = _moment(value)
    return no_default("timestamp_local", value, default) if moment is None else moment.isoformat()


def strptime(text: Any, date_format: str, default: Any = NO_DEFAULT) -> Any:
    if checked_format(date_format).count("%") > DIRECTIVES_MAX:
        raise TooMuch("a date format in the template has too many parts")
    try:
        return datetime.strptime(text[:FORMAT_MAX], date_format)  # noqa: DTZ007  (the template's own format decides)
    except (ValueError, TypeError, AttributeError):
        return no_default("strptime", text, default)


def checked_format(date_format: Any) -> str:
    text = str(date_format)
    # A width in the format (glibc's %0999d) makes as long a text as it likes.
    if len(text) > FORMAT_MAX or re.search(r"%[^a-zA-Z%]*\d", text):
        raise TooMuch("a date format in the template is too long")
    return text


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
