"""Which families may find an announcement in an advertisement, by what the advertisement says.

A radio hears everything, most of it again and again, and most of it from devices that are known. So an advertiser is
looked at when it is new, and then at every so manieth of its advertisements: that finds packets that take turns, and
costs a dictionary look-up for the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from sluis.model import Frame, FrameError
from sluis.sdk import Driver
from sluis.wire.advertising import parse

FIRST = 4
"""Advertisements of a new advertiser that are all looked at: its packets often take turns, and its name comes with a
scan response only."""

EVERY = 17
"""Of the others every so manieth is looked at. A prime, so that packets that take turns all get theirs; larger and a
new kind of packet is found late, smaller and 300 busy sensors cost more."""

CACHED = 20_000
"""Advertisers whose count is remembered; then it begins anew. Phones change their address every quarter of an hour."""


class Adverts:
    """Made from the families there are; make a new one when they change."""

    def __init__(self, families: Iterable[type[Driver]]) -> None:
        self.damaged = 0
        """Advertisements that were looked at and could not be read."""
        self._services: dict[str, list[type[Driver]]] = {}
        self._manufacturers: dict[int, list[type[Driver]]] = {}
        self._names: list[tuple[str, type[Driver]]] = []
        self._counts: dict[str, int] = {}
        for cls in families:
            match = cls.about.match
            if "ble" in match.kinds:
                for service in match.services:
                    self._services.setdefault(service, []).append(cls)
                for company in match.manufacturers:
                    self._manufacturers.setdefault(company, []).append(cls)
                self._names += [(name, cls) for name in match.names]

    def families(self, frame: Frame) -> tuple[type[Driver], ...]:
        """Those whose `BleMatch` this advertisement fits; none where it is not worth looking."""
        source = frame.source
        if "/" in source:
            return ()
        count = self._counts.get(source, 0)
        if count == 0 and len(self._counts) >= CACHED:
            self._counts.clear()
        self._counts[source] = count + 1
        if count >= FIRST and count % EVERY:
            return ()
        return self.fitting(frame)

    def fitting(self, frame: Frame) -> tuple[type[Driver], ...]:
        """Those whose `BleMatch` this advertisement fits, worth looking or not."""
        return tuple(dict.fromkeys(self._fitting(frame.data))) if "/" not in frame.source else ()

    def _fitting(self, data: bytes) -> Iterable[type[Driver]]:
        try:
            said = parse(data)
        except FrameError:
            self.damaged += 1
            return
        for service in (*said.service_data, *said.services):
            yield from self._services.get(service, ())
        for company in said.manufacturer_data:
            yield from self._manufacturers.get(company, ())
        if said.name:
            for name, cls in self._names:
                if fnmatchcase(said.name, name):
                    yield cls
