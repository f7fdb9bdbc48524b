"""What happens to devices in buildings, done to a driver: each case under its own name.

    garbage in answers      what a question gets back is noise, cut off, or empty
    slow peer               a question gets no answer in time
    another's answer        a question gets the answer to the one before
    flood                   the same device says a thousand things at once: nothing may grow
    unplugged               the link is lost at each step of a poll or command
    reconnect               after that, the driver does all it did before
    version change          the device was described by an older or newer version of the driver

A driver may let LinkError, FrameError and CommandError out of `poll` and `perform`, and FrameError out of the rest.
Each case is tried in many ways; its score is the share of them that went well.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from sluis.model import Command, CommandError, Frame, FrameError, LinkError, Point, SluisError
from sluis.model.commands import SYSTEM
from sluis.sdk.driver import Driver
from sluis.sdk.standin import StandIn
from sluis.sdk.testing.frames import Case
from sluis.sdk.testing.link import finish
from sluis.sdk.testing.peer import Enough, Peer, TroubledLink, steps

ALLOWED = (LinkError, FrameError, CommandError)

STEPS_MAX = 40
"""Steps of one poll or command at which trouble is made."""

COURSES_MAX = 60
"""Polls and commands that are tried; a light has a dozen, and a frames file may hold many lights."""

FILL = 5_000
"""Messages that fill what is bounded; every second one is new. A driver that remembers more than 2,500 is no small
thing either."""

FILL_BYTES = 1_000_000
"""As much of long messages, and at least a thousand: whoever keeps a page of each is full sooner, and reads slower."""

FLOOD = 600
"""Messages after that, which must find it full."""

GREW_MAX = 24_000
"""Bytes that may be held more after the second flood: 40 each. Something kept of every message takes more."""

NOISE = (b"", b"\0", b"\xff" * 300, b"{", b"?", bytes(range(256)))


class Subject(Protocol):
    """A driver class with its frames (`conformance.Subject`)."""

    cls: type[Driver]

    cases: Sequence[Case]
    decodable: list[tuple[Case, Driver]]

    def drivers(self) -> Iterator[Driver]: ...

    def writable(self) -> Iterator[tuple[Driver, Point]]: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One try of a case."""

    what: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """Something a driver does on its link: its poll, or one command."""

    name: str
    make: Callable[[], Driver]
    run: Callable[[Driver, TroubledLink], Any]

    def problem(self, driver: Driver, link: TroubledLink) -> str:
        """What came out of it that may not; "" for nothing."""
        try:
            finish(self.run(driver, link))
        except ALLOWED:
            return ""
        except (Exception, Enough) as error:
            return f"{type(error).__name__}: {error}"
        return ""


def courses(subject: Subject, sample: Callable[[Point], Any]) -> list[Course]:
    """The polls and commands of the devices in the frames file."""
    found = [
        Course(f"poll of {driver.native_id}", partial(_anew, driver), lambda driver, link: driver.poll(link))
        for driver in subject.drivers()
        if driver.poll_every_s() is not None
    ]
    for driver, point in subject.writable():
        command = Command("c1", "device", point.key, sample(point), SYSTEM, 0)
        found.append(Course(f"command {point.key}", partial(_anew, driver), partial(_performed, command)))
    return found[:COURSES_MAX]


def _anew(driver: Driver) -> Driver:
    return type(driver)(driver.native_id, driver.description)


def _performed(command: Command, driver: Driver, link: TroubledLink) -> Any:
    return driver.perform(link, command)


class Troubles:
    """All cases for one driver."""

    def __init__(self, subject: Subject, sample: Callable[[Point], Any], stand_in: type[StandIn] | None = None) -> None:
        self._subject = subject
        self._courses = courses(subject, sample)
        self._stand_in = stand_in
        self.cases: dict[str, Callable[[], Iterator[Trial]]] = {
            "garbage in answers": self.garbage_in_answers,
            "slow peer": lambda: self._at_each_step("slow"),
            "another's answer": lambda: self._at_each_step("answer before"),
            "flood": self.flood,
            "unplugged": lambda: self._at_each_step("unplug"),
            "reconnect": self.reconnect,
            "version change": self.version_change,
        }

    def _peer(self) -> Peer:
        return Peer(self._subject.cases, self._stand_in() if self._stand_in else None)

    def _at_each_step(self, what: str, garbage: bytes = b"") -> Iterator[Trial]:
        for course in self._courses:
            for at in range(STEPS_MAX):
                link = TroubledLink(self._peer(), what, at, garbage)
                problem = course.problem(course.make(), link)
                if not link.happened:
                    break
                yield Trial(f"{course.name}, step {at + 1}", problem)

    def garbage_in_answers(self) -> Iterator[Trial]:
        for noise in NOISE:
            yield from self._at_each_step("garbage", noise)

    def reconnect(self) -> Iterator[Trial]:
        """What a driver asks after a loss is what a new one asks."""
        for course in self._courses:
            wanted = TroubledLink(self._peer())
            course.problem(course.make(), wanted)
            for at in range(min(STEPS_MAX, len(wanted.sent))):
                driver = course.make()
                course.problem(driver, TroubledLink(self._peer(), "unplug", at))
                again = TroubledLink(self._peer())
                problem = course.problem(driver, again)
                if not problem and steps(again.sent) != steps(wanted.sent):
                    problem = f"asks {len(again.sent)} things after a loss, and {len(wanted.sent)} when new"
                yield Trial(f"{course.name}, lost at step {at + 1}", problem)
        for driver in self._subject.drivers():
            yield Trial(f"{driver.native_id} hears all of it again", self._hears_again(driver))

    def _hears_again(self, driver: Driver) -> str:
        """What a broker remembers comes again after a loss."""
        used = _anew(driver)
        for case, _ in (*self._subject.decodable, *self._subject.decodable):
            problem = _survives(used, case.frame)
            if problem:
                return f"{case.name}: {problem}"
        return ""

    def flood(self) -> Iterator[Trial]:
        for case, driver in self._subject.decodable[:3]:
            yield Trial(case.name, _grows(driver, case.frame))

    def version_change(self) -> Iterator[Trial]:
        """A description with any part missing, of another type, or unknown."""
        for driver in self._subject.drivers():
            for what, other in _others(driver.description):
                yield Trial(f"{driver.native_id}, {what}", self._made(driver.native_id, other))

    def _made(self, native_id: str, description: Mapping[str, Any]) -> str:
        try:
            driver = self._subject.cls(native_id, description)
            tuple(driver.points())
            tuple(driver.topics())
            driver.station()
            driver.poll_every_s()
        except SluisError:
            return ""  # it says so, and its page shows it
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        problems = (_survives(driver, case.frame) for case, _ in self._subject.decodable[:8])
        return next(filter(None, problems), "")


def _others(description: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "nothing known", {}
    yield "something unknown", {**description, "of-later": {"x": 1}}
    for key, part in description.items():
        yield f"without {key or 'its announcement'}", {name: one for name, one in description.items() if name != key}
        if isinstance(part, dict):
            for inner in list(part)[:20]:
                left = {name: one for name, one in part.items() if name != inner}
                yield f"without {key}.{inner}", {**description, key: left}
                if key != "setup":  # what a person told is of the kind that was asked for
                    yield f"{key}.{inner} of another type", {**description, key: {**left, inner: [None]}}


def _survives(driver: Driver, frame: Frame) -> str:
    try:
        tuple(driver.decode(frame))
        driver.identity(frame)
    except FrameError:
        return ""
    except Exception as error:
        return f"decode: {type(error).__name__}: {error}"
    return ""


def _grows(driver: Driver, sample: Frame) -> str:
    fresh = _anew(driver)
    began = tracemalloc.is_tracing()
    if not began:
        tracemalloc.start()
    gc.freeze()  # what was there before is not looked through again at each count: it may be a whole program
    try:
        fill = min(FILL, max(1_000, FILL_BYTES // max(1, len(sample.data))))
        problem = _pour(fresh, sample, range(fill))
        full = _held()
        problem = problem or _pour(fresh, sample, range(fill, fill + FLOOD))
        grew = _held() - full
    finally:
        gc.unfreeze()
        if not began:
            tracemalloc.stop()
    return problem or (f"{FLOOD} messages more, {grew} bytes more held" if grew > GREW_MAX else "")


def _held() -> int:
    """Bytes in use, without what only waits to be collected."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _pour(driver: Driver, sample: Frame, numbers: Iterable[int]) -> str:
    """A flood in which every second message is another one."""
    for number in numbers:
        data = sample.data if number % 2 else sample.data + number.to_bytes(3, "big")
        stamp = sample.stamp._replace(mono_us=sample.stamp.mono_us + number * 1000)
        problem = _survives(driver, replace(sample, data=data, stamp=stamp))
        if problem:
            return problem
    return ""
