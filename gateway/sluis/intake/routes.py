"""Which devices' frames come on a topic. Exact topics by dictionary, filters by a remembered search."""

from __future__ import annotations

from sluis.intake.entry import Entry
from sluis.wire.topics import is_exact, matches

CACHED = 50_000
"""Topics whose answer is remembered. More than any building has; bounded because a hostile device can invent
topics for ever."""


class Routes:
    """Rebuilt whole when an adopted device changes (rare); asked for every frame."""

    def __init__(self) -> None:
        self._exact: dict[str, tuple[Entry, ...]] = {}
        self._wild: list[tuple[str, Entry]] = []
        self._topics: dict[Entry, list[str]] = {}
        self._cache: dict[str, tuple[Entry, ...]] = {}

    def add(self, entry: Entry) -> None:
        if entry.driver is None:
            return
        topics = self._topics[entry] = list(entry.driver.topics())
        for topic in topics:
            if is_exact(topic):
                self._exact[topic] = (*self._exact.get(topic, ()), entry)
            else:
                self._wild.append((topic, entry))
        self._cache.clear()

    def remove(self, entry: Entry) -> None:
        topics = self._topics.pop(entry, [])
        if not topics:
            return
        if not all(is_exact(topic) for topic in topics):
            self._wild = [pair for pair in self._wild if pair[1] is not entry]
        for topic in dict.fromkeys(topic for topic in topics if is_exact(topic)):
            left = tuple(one for one in self._exact[topic] if one is not entry)
            if left:
                self._exact[topic] = left
            else:
                del self._exact[topic]
        self._cache.clear()

    def of(self, topic: str) -> tuple[Entry, ...]:
        found = self._cache.get(topic)
        if found is None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            wild = [entry for topic_filter, entry in self._wild if matches(topic_filter, topic)]
            found = self._cache[topic] = tuple(dict.fromkeys([*self._exact.get(topic, ()), *wild]))
        return found

    def filters(self) -> set[str]:
        return {*self._exact, *(topic for topic, _ in self._wild)}
