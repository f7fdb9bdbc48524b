"""How a release goes out: who is in which wave, how many at once, what a wave must show before the next begins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from sluis.fleet.target import Bounds, Release, Target

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 24 * 60
WAVES = ("1", "10%", "rest")
SIZE = re.compile(r"([1-9][0-9]{0,5})|([1-9][0-9]?|100)%|rest")


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When devices may be touched, in the site's time. One that ends before it begins goes on past midnight."""

    days: tuple[str, ...] = DAYS
    begins: str = "00:00"
    ends: str = "24:00"

    def __post_init__(self) -> None:
        if not self.days or not set(self.days) <= set(DAYS):
            raise ValueError(f"days are some of {', '.join(DAYS)}")
        if minute(self.begins) == minute(self.ends):
            raise ValueError("a window has a beginning and another end")

    def open_at(self, weekday: int, at_minute: int) -> bool:
        """`weekday`: 0 is Monday. `at_minute`: of the day."""
        begins, ends = minute(self.begins), minute(self.ends)
        today = DAYS[weekday] in self.days
        if begins < ends:
            return today and begins <= at_minute < ends
        yesterday = DAYS[weekday - 1] in self.days
        return (today and at_minute >= begins) or (yesterday and at_minute < ends)


def minute(text: str) -> int:
    """Of the day. ValueError for what is no time."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", text)
    at = int(found[1]) * 60 + int(found[2]) if found else MINUTES + 1
    if at > MINUTES:
        raise ValueError(f"{text!r} is no time of day; write it as 22:30")
    return at


class Criteria(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a wave must show."""

    soak_s: float = 600.0
    """So long after its last device, nothing may have gone wrong."""
    healthy: bool = True
    """A device that is unhealthy then counts as failed."""
    alerts: bool = True
    """So does one with more alerts than before."""


class Promise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the update itself says of those that have it. One that breaks it goes back. 0: nothing is promised."""

    free_bytes: int = 0
    """Memory that is free at least."""
    every_s: float = 0.0
    """It reports at least so often."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may happen, and how long it may take."""

    at_once: int = 10
    silence_s: float = 900.0
    """One that says nothing for so long while it is under way, or in the soak, has failed."""
    patience_s: float = 24 * 3600.0
    """One that is not done so long after it was first asked is left with what it had. It has failed, unless it said
    that now is no time."""
    failures: str = "1"
    """So many failed in a wave pause the rollout and bring the wave back: a number, or a share as `20%`."""

    def __post_init__(self) -> None:
        if (
            self.at_once < 1
            or self.silence_s <= 0
            or not re.fullmatch(r"[1-9][0-9]{0,5}|[1-9][0-9]?%|100%", self.failures)
        ):
            raise ValueError("at_once is 1 or more, silence_s above 0, failures a number above 0 or a share as 20%")

    def too_many(self, failed: int, of: int) -> bool:
        """Whether so many failed of a wave are too many."""
        if self.failures.endswith("%"):
            return failed > 0 and failed * 100 >= int(self.failures[:-1]) * of
        return failed >= int(self.failures)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a person agreed to."""

    id: str
    release: Release
    waves: tuple[tuple[str, ...], ...]
    """Keys of the targets."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Key and code of those that fail the preflight."""
    criteria: Criteria = Criteria()
    promise: Promise = Promise()
    limits: Limits = Limits()
    bounds: Bounds = Bounds()
    windows: tuple[Window, ...] = ()
    """None: always."""

    def open_at(self, weekday: int, at_minute: int) -> bool:
        return not self.windows or any(one.open_at(weekday, at_minute) for one in self.windows)


def in_waves(targets: Sequence[Target], sizes: Sequence[str] = WAVES) -> tuple[tuple[str, ...], ...]:
    """Split them. Each size is a number, a share of all (`10%`, at least one) or `rest`; what is over is a last wave.

    Within a wave areas take turns, those with the most targets first, so that a small wave is not one room; two of a
    pair are in different waves where there are as many.
    """
    if not targets:
        return ()
    counts = _counts(len(targets), sizes)
    waves: list[list[str]] = [[] for _ in counts]
    pairs: list[set[str]] = [set() for _ in counts]
    for one in _in_turns(targets):
        free = [number for number, count in enumerate(counts) if len(waves[number]) < count]
        apart = [number for number in free if not one.pair or one.pair not in pairs[number]]
        number = (apart or free)[0]
        waves[number].append(one.key)
        pairs[number].add(one.pair)
    return tuple(tuple(wave) for wave in waves)


def _counts(total: int, sizes: Sequence[str]) -> list[int]:
    left, counts = total, []
    for size in sizes:
        found = SIZE.fullmatch(size)
        if not found:
            raise ValueError(f"{size!r} is no wave: write a number, a share as 10%, or rest")
        wanted = int(found[1]) if found[1] else -(-total * int(found[2]) // 100) if found[2] else left
        if left:
            counts.append(min(wanted, left))
            left -= counts[-1]
    return [*counts, left] if left else counts


def _in_turns(targets: Sequence[Target]) -> list[Target]:
    """Area by area in turn; always the same for the same targets."""
    crowd = Counter(one.area for one in targets)
    turn: Counter[str] = Counter()
    ranked = []
    for one in sorted(targets, key=lambda one: one.key):
        ranked.append((turn[one.area], -crowd[one.area], one.area, one.key, one))
        turn[one.area] += 1
    return [row[-1] for row in sorted(ranked, key=lambda row: row[:-1])]
