"""Dutch and English: catalogues, and numbers, dates and ages as each language writes them.

The catalogues are gettext files in `dashboards/panel/locale`, read as they are: a few hundred messages take some tens
of milliseconds once, and there is no compiled copy that can be older than its source. Messages are in English.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol
from babel.support import Translations

from sluis.shared import shared_dir

LANGUAGES = ("nl", "en")

DAY_S = 86_400

AGES: tuple[tuple[float, int, Literal["second", "minute", "hour", "day"]], ...] = (
    (60, 1, "second"),
    (5_400, 60, "minute"),
    (1.5 * DAY_S, 3_600, "hour"),
    (float("inf"), DAY_S, "day"),
)
"""Up to which age people count in which unit; the page's scripts do the same."""


def N_(text: str) -> str:
    """Marks a message that is translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> Translations:
    """All messages of a language."""
    path = shared_dir("dashboards") / "panel" / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def choose(wanted: Sequence[str], accept_language: str, default: str) -> str:
    """The language to speak: the first of `wanted` that we have, else what the browser asks, else `default`."""
    asked = [part.partition(";")[0].strip()[:2].lower() for part in accept_language.split(",")]
    return next((one for one in (*wanted, *asked, default) if one in LANGUAGES), LANGUAGES[0])


class Tongue:
    """One language: its words and its way with numbers and dates. Times are the gateway's local time."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._catalogue = catalogue(language)
        self._signs = str.maketrans({",": get_group_symbol(self.locale), ".": get_decimal_symbol(self.locale)})

    def __call__(self, text: str, **fill: Any) -> str:
        """The message in this language, with `%(name)s` filled in."""
        found = self._catalogue.gettext(text) if text else ""
        return found % fill if fill else found

    def plural(self, one: str, many: str, number: int, **fill: Any) -> str:
        """The message in the form that fits `number`; `%(num)s` is the number itself."""
        found = self._catalogue.ngettext(one, many, number)
        return str(found) % {"num": self.number(number), **fill}

    def number(self, value: float, decimals: int = 0) -> str:
        """With fixed decimals. Babel knows the signs; formatting is ours, because a page of 2,000 devices does it
        some ten thousand times and Babel reads its pattern anew each time (measured: twenty times slower)."""
        text = f"{value:,.{decimals}f}"
        return text.translate(self._signs) if text.strip("-0.,") else text.translate(self._signs).lstrip("-")

    def size(self, count: float) -> str:
        """Bytes in the unit people use for as many."""
        units = ("B", "kB", "MB", "GB", "TB")
        power = 0
        while abs(count) >= 1000 and power < len(units) - 1:
            count, power = count / 1000, power + 1
        return f"{self.number(count, 1 if count < 100 and power else 0)} {units[power]}"

    def ago(self, age_s: float) -> str:
        """`3 min geleden`."""
        size, unit = next((size, unit) for limit, size, unit in AGES if age_s < limit)
        span = max(1, round(age_s / size)) * size
        return format_timedelta(
            timedelta(seconds=-span),
            granularity=unit,
            threshold=10_000,
            add_direction=True,
            format="short",
            locale=self.locale,
        )

    def span(self, seconds: float) -> str:
        """`3 uur`: a duration in its largest fitting unit."""
        return format_timedelta(timedelta(seconds=seconds), threshold=1.5, format="long", locale=self.locale)

    def moment(self, at_us: int, now_us: int) -> str:
        """The time of day for today, with the date for other days."""
        at, now = local(at_us), local(now_us)
        if at.date() == now.date():
            return format_time(at, "short", locale=self.locale)
        pattern = "d MMM HH:mm" if at.year == now.year else "d MMM y HH:mm"
        return format_datetime(at, pattern, locale=self.locale)

    def date(self, at_us: int) -> str:
        return format_date(local(at_us).date(), "long", locale=self.locale)

    def exact(self, at_us: int) -> str:
        """Date and time to the second."""
        return format_datetime(local(at_us), "d MMM y HH:mm:ss", locale=self.locale)


def local(at_us: int) -> datetime:
    """An instant in the gateway's own time zone."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).astimezone()


@cache
def tongue(language: str) -> Tongue:
    return Tongue(language)
