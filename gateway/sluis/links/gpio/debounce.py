"""Which level counts: pure, on the edges' own times.

Theory of operation. Every edge starts a candidate; a candidate that holds for `hold_us` becomes the level, dated from
its beginning. A contact that bounces starts many candidates, of which the last holds; a spike shorter than `hold_us`
never counts. All is decided by the times of the edges, not by when somebody looked: a busy machine that reads its edges
late counts the same pulses.
"""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """The level changed, at the beginning of the edge that held."""

    level: bool
    at_us: int


class Debounce:
    """One line. Times are those of one clock, microseconds."""

    def __init__(self, level: bool, hold_us: int) -> None:
        self.level = level
        self._hold_us = hold_us
        self._candidate = level
        self._since_us = 0

    @property
    def due_us(self) -> int | None:
        """When `settle` has something to say; None while nothing is open."""
        return None if self._candidate == self.level else self._since_us + self._hold_us

    def edge(self, level: bool, at_us: int) -> list[Change]:
        """The line went to `level`."""
        done = self.settle(at_us)
        self._candidate, self._since_us = level, at_us
        return done + (self.settle(at_us) if self._hold_us == 0 else [])

    def settle(self, at_us: int) -> list[Change]:
        """Time has passed. At most one change."""
        if self._candidate == self.level or at_us - self._since_us < self._hold_us:
            return []
        self.level = self._candidate
        return [Change(self.level, self._since_us)]
