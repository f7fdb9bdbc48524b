"""Waiting for a reading that satisfies somebody, woken by the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sluis.model import Event, Quality, ReadingChanged, Value


class Expectation:
    """A reading of one point that passes `test`, received at or after `since_us` (monotonic)."""

    def __init__(self, key: tuple[str, str], test: Callable[[Value], bool], since_us: int) -> None:
        self.key = key
        self.test = test
        self.since_us = since_us
        self._met = asyncio.Event()

    async def met(self) -> None:
        await self._met.wait()

    def look(self, event: ReadingChanged) -> None:
        """Only a good or uncertain reading that is newer than the wish counts; a stale or bad one never does."""
        if event.quality is Quality.BAD or event.stale or event.stamp.mono_us < self.since_us:
            return
        if self.test(event.value):
            self._met.set()


class Expectations:
    """Who waits for which point. A reading nobody waits for costs one dictionary look-up."""

    def __init__(self) -> None:
        self._by_point: dict[tuple[str, str], list[Expectation]] = {}

    def expect(self, device: str, point: str, test: Callable[[Value], bool], since_us: int) -> Expectation:
        made = Expectation((device, point), test, since_us)
        self._by_point.setdefault(made.key, []).append(made)
        return made

    def forget(self, expectation: Expectation) -> None:
        waiting = self._by_point.get(expectation.key, [])
        if expectation in waiting:
            waiting.remove(expectation)
        if not waiting:
            self._by_point.pop(expectation.key, None)

    def look(self, events: Sequence[Event]) -> None:
        if not self._by_point:
            return
        for event in events:
            if isinstance(event, ReadingChanged):
                for expectation in self._by_point.get((event.device, event.point), ()):
                    expectation.look(event)
