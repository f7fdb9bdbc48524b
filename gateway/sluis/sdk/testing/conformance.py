"""The conformance suite: what every driver has to hold, each rule under its own name.

    for finding in conformance(MyDriver, Path("tests/devices/frames/my-driver.jsonl")):
        print(finding)

`About.exemptions` may excuse a driver from a rule, with a reason.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluis.model import CommandError, Frame, FrameError, Kind, LinkError, Point, Reading, Value
from sluis.model.units import fits
from sluis.sdk.driver import Driver
from sluis.sdk.testing.frames import Case, load
from sluis.sdk.testing.garbage import garbage
from sluis.sdk.testing.replay import Bench, mismatches, perform, topic_fits

NOT_MINE = "frame.not-mine"
TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.NUMBER: (int, float),
    Kind.SWITCH: (bool,),
    Kind.CHOICE: (str,),
    Kind.TEXT: (str,),
    Kind.TRIGGER: (),
}
OUT_OF_TYPE: tuple[Value | None, ...] = (
    None,
    True,
    -1,
    1e9,
    float("nan"),
    float("inf"),
    2**70,
    "",
    "no such word",
    "9",
)
"""Values for every writable point; those of the wrong type must be refused or sent, never break the driver."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found."""

    rule: str
    problem: str = ""
    """"" when the rule holds."""
    excuse: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem or bool(self.excuse)

    def __str__(self) -> str:
        if not self.problem:
            return f"ok    {self.rule}"
        return f"{'excus' if self.excuse else 'FAIL '} {self.rule}: {self.problem}"


class Subject:
    """A driver class with its frames, replayed."""

    def __init__(self, cls: type[Driver], cases: Sequence[Case]) -> None:
        self.cls = cls
        self.cases = cases
        self.bench = Bench(cls)
        self.decodable: list[tuple[Case, Driver]] = []
        """Frame lines with the driver instance they are for, as it was at that line."""
        for case in cases:
            if case.kind == "frame":
                self.decodable.append((case, self.bench.device(case)))
            elif case.kind == "announcement":
                with suppress(Exception):  # the line's own rule reports it
                    self.bench.sniff(case.frame)

    def drivers(self) -> Iterator[Driver]:
        """An instance for every device that was announced, and for every description that a line gives."""
        yield from self.bench.drivers()
        told = [(case.entry["description"], driver) for case, driver in self.decodable if "description" in case.entry]
        yield from {repr(description): driver for description, driver in told}.values()

    def writable(self) -> Iterator[tuple[Driver, Point]]:
        for driver in self.drivers():
            for point in driver.points():
                if point.writable:
                    yield driver, point


def conformance(cls: type[Driver], frames: Path) -> list[Finding]:
    """Every rule, held against a driver class and its frames."""
    return check_cases(cls, load(frames))


def check_cases(cls: type[Driver], cases: Sequence[Case]) -> list[Finding]:
    """The same, with the cases at hand."""
    excuses = cls.about.exemptions
    subject = Subject(cls, cases)
    findings = [Finding(name, _guarded(rule, subject), excuses.get(name, "")) for name, rule in RULES.items()]
    bench = Bench(cls)
    for case in cases:
        if case.kind != "recorded":
            findings.append(Finding(f"frames: {case.name}", _guarded(_case, bench, case)))
    return findings


def _guarded(rule: Callable[..., str], *args: Any) -> str:
    """The rule's problem; a driver that raises what it may not is one too."""
    try:
        return rule(*args)
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def _case(bench: Bench, case: Case) -> str:
    return "; ".join(mismatches(bench, case))


def key_is_stable(subject: Subject) -> str:
    key = subject.cls.about.key
    return "" if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) else f"{key!r} is not lower-case words with dashes"


def says_where_it_knows_from(subject: Subject) -> str:
    return "" if any(source.strip() for source in subject.cls.about.sources) else "about.sources is empty"


def has_frame_map(subject: Subject) -> str:
    """The module's (or class's) docstring draws the frame: an indented block of at least two lines."""
    module = sys.modules.get(subject.cls.__module__)
    text = f"{module.__doc__ if module else ''}\n{subject.cls.__doc__ or ''}"
    drawn = re.findall(r"^    \S.*$", text, re.MULTILINE)
    return "" if len(drawn) >= 2 else "the docstring draws no frame map (an indented block of two lines or more)"


def has_frames(subject: Subject) -> str:
    told = [case for case in subject.cases if case.kind in ("frame", "announcement")]
    return "" if told else f"no frames: write tests/devices/frames/{subject.cls.about.key}.jsonl"


def has_a_damaged_frame(subject: Subject) -> str:
    errors = {case.entry.get("error") for case in subject.cases if case.kind in ("frame", "announcement")}
    return "" if errors - {None, NOT_MINE} else "no damaged frame (an error other than frame.not-mine)"


def has_a_foreign_frame(subject: Subject) -> str:
    errors = {case.entry.get("error") for case in subject.cases if case.kind in ("frame", "announcement")}
    return "" if NOT_MINE in errors else "no foreign frame (error frame.not-mine)"


def points_are_valid(subject: Subject) -> str:
    problems: list[str] = []
    for driver in subject.drivers():
        seen: set[str] = set()
        for point in driver.points():
            problem = _point(point) or ("twice the same key" if point.key in seen else "")
            problems += [f"{point.key}: {problem}"] if problem else []
            seen.add(point.key)
        problems += [
            f"{p.key}: proof {p.proof!r} is no point" for p in driver.points() if p.proof and p.proof not in seen
        ]
    return "; ".join(dict.fromkeys(problems))


def _point(point: Point) -> str:
    if not point.key or len(point.key) > 120 or any(char in point.key for char in "/ \n"):
        return "a key has no blanks and no slashes, and is at most 120 long"
    if point.minimum is not None and point.maximum is not None and point.minimum > point.maximum:
        return f"minimum {point.minimum} above maximum {point.maximum}"
    if point.kind is Kind.CHOICE and point.writable and not point.options:
        return "a choice that can be written needs options"
    return fits(point)


def readings_fit_their_points(subject: Subject) -> str:
    for case, driver in subject.decodable:
        points = {point.key: point for point in driver.points()}
        if "error" in case.entry:
            continue
        for item in _said(driver, case.frame):
            key = getattr(item, "point", None)
            if key is not None and key not in points:
                return f"{case.name}: {key!r} is no declared point"
            if isinstance(item, Reading) and not _holds(points[item.point], item.value):
                return f"{case.name}: {item.value!r} is no {points[item.point].kind.value} for {key}"
    return ""


def _holds(point: Point, value: Value) -> bool:
    return isinstance(value, TYPES[point.kind]) and isinstance(value, bool) == (point.kind is Kind.SWITCH)


def frames_arrive(subject: Subject) -> str:
    """The instance asks for the topics its frames come on."""
    for case, driver in subject.decodable:
        wanted = list(driver.topics())
        if case.entry.get("error") != NOT_MINE and not any(topic_fits(one, case.frame.source) for one in wanted):
            return f"{case.name}: topics() does not ask for {case.frame.source}"
    match = subject.cls.about.match
    filters = match.filters
    by_content = match.services or match.manufacturers or match.names  # the link looks into the advertisement
    for case in subject.cases:
        told = case.kind == "announcement" and case.entry.get("announces") and not by_content
        if told and not any(topic_fits(one, case.frame.source) for one in filters):
            return f"{case.name}: about.match does not ask for {case.frame.source}"
    return ""


def decode_is_pure(subject: Subject) -> str:
    for case, driver in subject.decodable:
        before = copy.deepcopy(dict(driver.description))
        if _said(driver, case.frame) != _said(driver, case.frame):
            return f"{case.name}: decoded twice, two outcomes"
        if before != driver.description:
            return f"{case.name}: decode changed the description"
    return ""


def _said(driver: Driver, frame: Frame) -> Any:
    try:
        return list(driver.decode(frame))
    except FrameError as error:
        return error.code


def garbage_is_refused(subject: Subject) -> str:
    """decode, sniff and identity raise FrameError and nothing else, and devices made of hostile announcements too."""
    for case, driver in subject.decodable:
        for frame in garbage(case.frame):
            problem = survives(driver, frame)
            if problem:
                return f"{case.name}: {problem}"
    for case in subject.cases:
        if case.kind == "announcement":
            for frame in garbage(case.frame):
                problem = survives_sniffing(subject.cls, frame)
                if problem:
                    return f"{case.name}: {problem}"
    return ""


def survives(driver: Driver, frame: Frame) -> str:
    """Why a frame breaks a driver; "" when it does not."""
    try:
        list(driver.decode(frame))
    except FrameError:
        pass
    except Exception as error:
        return f"decode of {frame.data[:120]!r} on {frame.source!r} raised {type(error).__name__}: {error}"
    try:
        driver.identity(frame)
    except FrameError:
        pass
    except Exception as error:
        return f"identity of {frame.data[:120]!r} raised {type(error).__name__}: {error}"
    return ""


def survives_sniffing(cls: type[Driver], frame: Frame) -> str:
    """Why an announcement breaks a driver class, or the device made of it; "" when it does not."""
    bench = Bench(cls)
    try:
        bench.sniff(frame)
        for driver in bench.drivers():
            for point in driver.points():
                if not point.key:
                    return f"a point without a key from {frame.data[:120]!r}"
            tuple(driver.topics())
    except FrameError:
        pass
    except Exception as error:
        return f"sniff of {frame.data[:120]!r} on {frame.source!r} raised {type(error).__name__}: {error}"
    return ""


def writable_points_perform(subject: Subject) -> str:
    for driver, point in subject.writable():
        try:
            sent = perform(driver, point.key, sample_value(point))
        except LinkError:
            continue  # it asked its device for an answer, which counts as sending
        except CommandError as error:
            return f"{point.key} refuses {sample_value(point)!r}: {error}"
        if not sent:
            return f"{point.key}: nothing is sent"
    return ""


def sample_value(point: Point) -> Value | None:
    """A value that the point accepts."""
    if point.kind is Kind.SWITCH:
        return True
    if point.kind is Kind.NUMBER:
        return point.minimum if point.minimum is not None else point.maximum if point.maximum is not None else 1
    if point.kind is Kind.TRIGGER:
        return point.options[0] if point.options else None
    return point.options[0] if point.options else "text"


def odd_values_are_refused(subject: Subject) -> str:
    for driver, point in subject.writable():
        for value in OUT_OF_TYPE:
            try:
                perform(driver, point.key, value)
            except (CommandError, LinkError):
                continue
            except Exception as error:
                return f"{point.key} = {value!r} raised {type(error).__name__}: {error}"
    return ""


RULES: dict[str, Callable[[Subject], str]] = {
    "key is stable": key_is_stable,
    "sources are named": says_where_it_knows_from,
    "docstring draws the frame": has_frame_map,
    "has frames": has_frames,
    "has a damaged frame": has_a_damaged_frame,
    "has a foreign frame": has_a_foreign_frame,
    "points are valid": points_are_valid,
    "readings fit their points": readings_fit_their_points,
    "topics cover the frames": frames_arrive,
    "decode is pure": decode_is_pure,
    "garbage raises FrameError only": garbage_is_refused,
    "writable points perform": writable_points_perform,
    "odd values are refused": odd_values_are_refused,
}
