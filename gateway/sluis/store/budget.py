"""What is written to the card, how long the card lasts, and writing less when that is too short.

The figures are the bytes this process really hands to the kernel for the database (`sluis.store.meter`): write-ahead
log and checkpoints, not the file system's own journal. A card's life is
`size x cycles / (bytes per day x amplification)`; size, cycles and amplification are settings, since no SD card tells
them, so the answer is an estimate and says from what it was made.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections import deque
from dataclasses import dataclass

from sluis.model import Stamp
from sluis.store.meter import DAY_S
from sluis.store.readings import Readings

log = logging.getLogger(__name__)

YEAR_DAYS = 365.25

WINDOW_S = 86_400.0
"""Span that the daily figure is taken from: a day holds every habit of a building once."""

STEER_WINDOW_S = 600.0
"""Span that decides about the commit interval. Shorter and one burst stretches it; longer and a card is worn for an
hour before anything is done."""

FIRST_STRETCH_S = 0.25
"""First step above an interval of zero; from there it doubles."""

CALM = 0.5
"""The interval shrinks again when less than this part of the budget is written: halving the interval can at most
double the commits, so nearer to 1 it would swing."""

EARLIEST_S = 60.0
"""Nothing is concluded from less than a minute."""


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """Bytes one subsystem writes."""

    subsystem: str
    bytes_per_day: float


@dataclass(frozen=True, slots=True)
class StorageBudget:
    """What is written and what that means for the card."""

    lines: tuple[BudgetLine, ...]
    """Largest first."""
    total_bytes_per_day: float
    budget_bytes_per_day: float
    card_life_years: float | None
    """None before the first minute is measured."""
    bytes_per_reading: float
    """Written for readings since the start, per reading; 0 before the first."""
    commit_interval_s: float
    """In force now; larger than the setting while `stretched`."""
    stretched: bool
    measured_s: float
    """Span the daily figures were made from."""
    note: str
    """What the estimate rests on, for people."""


class Budget:
    """Measures, estimates and steers. Call `look` about once a minute."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._database = readings.database
        self._writer = readings.database.writer
        self._settings = readings.database.settings
        self._looks: deque[tuple[int, int]] = deque()
        self._kept: dict[tuple[int, str], int] = {}
        self._steered_us = 0
        """When the commit interval last changed: what was written before says nothing about it."""

    def look(self, now: Stamp) -> None:
        """Take a measurement, and adjust the commit interval to the budget."""
        self._looks.append((now.mono_us, self._writer.meter.total))
        while len(self._looks) > 2 and now.mono_us - self._looks[1][0] >= WINDOW_S * 1e6:
            self._looks.popleft()
        since_steered_s = (now.mono_us - self._steered_us) / 1e6
        self._steer(self._per_day(min(STEER_WINDOW_S, since_steered_s)), now)

    def report(self) -> StorageBudget:
        """The state of things."""
        total = self._per_day(WINDOW_S)
        written: dict[str, int] = {}
        for (_, subsystem), count in self._writer.meter.days().items():
            written[subsystem] = written.get(subsystem, 0) + count
        share = (total or 0.0) / max(1, sum(written.values()))
        lines = sorted((BudgetLine(name, count * share) for name, count in written.items()), key=_size, reverse=True)
        return StorageBudget(
            lines=tuple(lines),
            total_bytes_per_day=total or 0.0,
            budget_bytes_per_day=self.allowed(),
            card_life_years=self._life_years(total) if total else None,
            bytes_per_reading=self._per_reading(written),
            commit_interval_s=self._writer.interval_s,
            stretched=self._writer.interval_s > self._settings.commit_interval_s,
            measured_s=self._span_s(WINDOW_S),
            note=self._note(),
        )

    def allowed(self) -> float:
        """Bytes that may be written a day for the card to last as long as it should."""
        card = self._settings.card
        if card.budget_mb_per_day:
            return card.budget_mb_per_day * 1e6
        return self._endurance() / (card.life_years * YEAR_DAYS)

    async def keep(self) -> None:
        """Add what was measured since the last call to the table `written`."""
        days = self._writer.meter.days()
        rows = [(day, name, count - self._kept.get((day, name), 0)) for (day, name), count in days.items()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO written VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
                [row for row in rows if row[2]],
            )

        await self._database.write(work)
        self._kept = days

    async def days(self, count: int) -> dict[int, dict[str, int]]:
        """Bytes by subsystem of the last `count` days that are kept, by days since 1970-01-01."""
        rows = await self._database.read(
            lambda c: c.execute(
                "SELECT day, subsystem, bytes FROM written WHERE day > (SELECT max(day) FROM written) - ?", (count,)
            ).fetchall()
        )
        found: dict[int, dict[str, int]] = {}
        for day, subsystem, written in rows:
            found.setdefault(day, {})[subsystem] = written
        return found

    # -- arithmetic ---------------------------------------------------------------------------------------

    def _span_s(self, window_s: float) -> float:
        found = self._window(window_s)
        return (found[1][0] - found[0][0]) / 1e6 if found else 0.0

    def _per_day(self, window_s: float) -> float | None:
        """Bytes a day at the rate of the last `window_s`; None when too little is measured."""
        found = self._window(window_s)
        if found is None:
            return None
        (from_us, before), (to_us, after) = found
        return (after - before) / ((to_us - from_us) / 1e6) * DAY_S

    def _window(self, window_s: float) -> tuple[tuple[int, int], tuple[int, int]] | None:
        if not self._looks:
            return None
        last = self._looks[-1]
        first = next(look for look in self._looks if last[0] - look[0] <= window_s * 1e6)
        return (first, last) if last[0] - first[0] >= EARLIEST_S * 1e6 else None

    def _steer(self, per_day: float | None, at: Stamp) -> None:
        if per_day is None:
            return
        wanted, now = self._settings.commit_interval_s, self._writer.interval_s
        if per_day > self.allowed():
            new = min(self._settings.stretch_to_s, max(FIRST_STRETCH_S, now * 2))
        elif per_day < self.allowed() * CALM and now > wanted:
            new = wanted if now <= max(FIRST_STRETCH_S, wanted * 2) else now / 2
        else:
            return
        if new != now:
            log.info("commit interval %.2f s -> %.2f s: %.0f MB a day are written", now, new, per_day / 1e6)
            self._writer.interval_s = new
            self._steered_us = at.mono_us

    def _endurance(self) -> float:
        """Bytes that can be handed to the card in its life."""
        card = self._settings.card
        size = card.size_gb * 1e9 or shutil.disk_usage(self._database.path.parent).total
        return size * card.cycles / card.amplification

    def _life_years(self, per_day: float) -> float:
        return self._endurance() / per_day / YEAR_DAYS

    def _per_reading(self, written: dict[str, int]) -> float:
        spent = written.get("readings", 0) + written.get("packing", 0)
        return spent / self._readings.appended if self._readings.appended else 0.0

    def _note(self) -> str:
        card = self._settings.card
        if not self._writer.meter.measured:
            return "This kernel does not count written bytes; nothing can be said."
        size = f"{card.size_gb:g} GB" if card.size_gb else "the size of its file system"
        return (
            f"Estimated from {size}, {card.cycles} write cycles and {card.amplification:g} bytes written by the card "
            "for each byte it is given (settings store.card)."
        )


def _size(line: BudgetLine) -> float:
    return line.bytes_per_day
