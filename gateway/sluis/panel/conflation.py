"""Conflation: the first change of a point at once, repeats within the gap only as their latest value. Pure."""

from __future__ import annotations

from sluis.model import ReadingChanged

Key = tuple[str, str]


class Conflation:
    """Which readings wait for their turn. Time is an argument, in seconds of any steady clock."""

    def __init__(self, gap_s: float) -> None:
        self.conflated = 0
        """Readings that were never sent because a newer one took their place."""
        self._gap_s = gap_s
        self._sent_at: dict[Key, float] = {}
        self._held: dict[Key, ReadingChanged] = {}

    def hold(self, event: ReadingChanged, now_s: float) -> bool:
        """Whether this reading waits; False says: send it now."""
        key = event.device, event.point
        if now_s >= self._turn(key):
            self._sent_at[key] = now_s
            self._held.pop(key, None)
            return False
        self.conflated += key in self._held
        self._held[key] = event
        return True

    def due(self, now_s: float) -> list[ReadingChanged]:
        """The held readings whose turn it is."""
        keys = [key for key in self._held if now_s >= self._turn(key)]
        for key in keys:
            self._sent_at[key] = now_s
        return [self._held.pop(key) for key in keys]

    def next_at(self) -> float | None:
        """When the next turn comes; None when nothing waits."""
        return min((self._turn(key) for key in self._held), default=None)

    def _turn(self, key: Key) -> float:
        return self._sent_at.get(key, float("-inf")) + self._gap_s
