"""Which devices' frames come from a source of a link. Exact sources by dictionary, filters by a remembered search."""

from __future__ import annotations

from sluis.intake.entry import Entry
from sluis.sdk import Station
from sluis.wire.topics import is_exact, matches

CACHED = 50_000
"""Sources whose answer is remembered. More than any building has; bounded because a hostile device can invent
topics for ever."""


class Routes:
    """Rebuilt when an adopted device changes (rare); asked for every frame. A device is heard on its own link only:
    whoever may publish on a broker cannot speak for a meter on a bus."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], tuple[Entry, ...]] = {}
        self._wild: list[tuple[str, str, Entry]] = []
        self._held: dict[Entry, tuple[str, list[str]]] = {}
        self._stations: dict[Entry, tuple[str, Station]] = {}
        self._cache: dict[tuple[str, str], tuple[Entry, ...]] = {}

    def add(self, entry: Entry) -> None:
        if entry.driver is None:
            return
        link = entry.device.link
        sources = list(entry.driver.topics())
        station = entry.driver.station()
        self._held[entry] = (link, sources)
        if station is not None:
            self._stations[entry] = (link, station)
        for source in sources:
            if is_exact(source):
                self._exact[link, source] = (*self._exact.get((link, source), ()), entry)
            else:
                self._wild.append((link, source, entry))
        self._cache.clear()

    def remove(self, entry: Entry) -> None:
        link, sources = self._held.pop(entry, ("", []))
        self._stations.pop(entry, None)
        if not sources:
            return
        if not all(is_exact(source) for source in sources):
            self._wild = [one for one in self._wild if one[2] is not entry]
        for source in dict.fromkeys(source for source in sources if is_exact(source)):
            left = tuple(one for one in self._exact[link, source] if one is not entry)
            if left:
                self._exact[link, source] = left
            else:
                del self._exact[link, source]
        self._cache.clear()

    def of(self, link: str, source: str) -> tuple[Entry, ...]:
        found = self._cache.get((link, source))
        if found is None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            exact = self._exact.get((link, source), ())
            wild = [entry for where, one, entry in self._wild if where == link and matches(one, source)]
            found = self._cache[link, source] = tuple(dict.fromkeys([*exact, *wild]))
        return found

    def filters(self, link: str) -> set[str]:
        """Sources that the adopted devices of a link need."""
        exact = {source for where, source in self._exact if where == link}
        return exact | {source for where, source, _ in self._wild if where == link}

    def stations(self, link: str) -> dict[str, Station]:
        """What a link must know of its adopted devices, by source."""
        held = [station for where, station in self._stations.values() if where == link]
        return {one.source: one for station in held for one in (station, *station.besides)}
