"""Which rules watch which subjects, and where each of them stands."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sluis.model import Device, Point
from sluis.rules import Happens, Rule, State, Subject, due

K = TypeVar("K")


@dataclass(slots=True, eq=False)
class Track:
    """One rule on one subject."""

    rule: Rule
    subject: Subject
    state: State
    due_us: int | None = None
    """What the timetable holds for it."""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.rule.key, self.subject.device, self.subject.point)


class Tracks:
    """Tracks by point, by device and for the house; and a timetable of when time alone changes something.

    Facts (`Happens`) get a track when they first happen: most never do.
    """

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._all: dict[tuple[str, str, str], Track] = {}
        self._by_point: dict[tuple[str, str], tuple[Track, ...]] = {}
        self._by_device: dict[str, tuple[Track, ...]] = {}
        self._timetable: list[tuple[int, int, Track]] = []
        self._count = 0

    def __iter__(self) -> Iterator[Track]:
        return iter(tuple(self._all.values()))

    def get(self, key: tuple[str, str, str]) -> Track | None:
        return self._all.get(key)

    def of_point(self, device: str, point: str) -> tuple[Track, ...]:
        """Tracks of what a reading of this point is evidence for."""
        return self._by_point.get((device, point), ())

    def of_device(self, device: str) -> tuple[Track, ...]:
        """Tracks of the device and of all its points."""
        return self._by_device.get(device, ())

    def govern(self, rules: Iterable[Rule]) -> None:
        """These rules are in force now. Subjects are taken in again by `watch`."""
        self._rules = tuple(rules)

    def watch(self, device: Device, points: Mapping[str, Point], now_us: int) -> tuple[list[Track], list[Track]]:
        """Take a device in (again) as it is now. Returns the tracks that are new and those that are gone."""
        fresh = State.fresh(now_us)
        subjects = [Subject(device.key, "", device.area, device.driver)]
        subjects += [
            Subject(device.key, key, device.area, device.driver, point.quantity) for key, point in points.items()
        ]
        wanted: dict[tuple[str, str, str], tuple[Rule, Subject]] = {}
        for rule in self._rules:
            for subject in subjects:
                if rule.watches(subject):
                    wanted[(rule.key, subject.device, subject.point)] = (rule, subject)
        held = self._by_device.get(device.key, ())
        gone = [track for track in held if track.key not in wanted or wanted[track.key][0].when != track.rule.when]
        self._drop(gone)
        new = []
        for key, (rule, subject) in wanted.items():
            track = self._all.get(key)
            if track is not None:
                track.rule, track.subject = rule, subject
            elif not isinstance(rule.when, Happens):
                new.append(self._add(Track(rule, subject, fresh)))
        return new, gone

    def forget(self, device: str) -> list[Track]:
        """The device is out of use. Returns its tracks."""
        gone = list(self._by_device.get(device, ()))
        self._drop(gone)
        return gone

    def fact(self, what: str, subject: Subject, now_us: int) -> list[Track]:
        """The tracks of a fact about a subject, made if need be."""
        found = []
        for rule in self._rules:
            if isinstance(rule.when, Happens) and rule.when.what == what and rule.watches(subject):
                track = self._all.get((rule.key, subject.device, subject.point))
                found.append(track or self._add(Track(rule, subject, State.fresh(now_us))))
        return found

    # -- the timetable ------------------------------------------------------------------------------------

    def plan(self, track: Track) -> None:
        """Enter when the track must be looked at again. A later moment than the one entered waits until that comes
        up: a point that reports every second moves its silence limit every second."""
        moment = due(track.rule, track.state)
        if moment is not None and (track.due_us is None or moment < track.due_us):
            track.due_us = moment
            self._count += 1
            heapq.heappush(self._timetable, (moment, self._count, track))

    def next_us(self) -> int | None:
        """When the next track may be due."""
        while self._timetable:
            moment, _, track = self._timetable[0]
            if track.due_us == moment and self._all.get(track.key) is track:
                return moment
            heapq.heappop(self._timetable)
        return None

    def overdue(self, now_us: int) -> Iterator[Track]:
        """Tracks that are due. Each must be stepped and planned before the next is asked for."""
        while (moment := self.next_us()) is not None and moment <= now_us:
            _, _, track = heapq.heappop(self._timetable)
            track.due_us = None
            true_us = due(track.rule, track.state)
            if true_us is not None and true_us <= now_us:
                yield track
            else:
                self.plan(track)

    def _add(self, track: Track) -> Track:
        self._all[track.key] = track
        subject = track.subject
        if subject.device:
            self._by_device[subject.device] = (*self._by_device.get(subject.device, ()), track)
            if subject.point:
                key = (subject.device, subject.point)
                self._by_point[key] = (*self._by_point.get(key, ()), track)
        return track

    def _drop(self, gone: Iterable[Track]) -> None:
        for track in gone:
            self._all.pop(track.key, None)
            _without(self._by_device, track.subject.device, track)
            _without(self._by_point, (track.subject.device, track.subject.point), track)


def _without(index: dict[K, tuple[Track, ...]], key: K, track: Track) -> None:
    left = tuple(one for one in index.get(key, ()) if one is not track)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
