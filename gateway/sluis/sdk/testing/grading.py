"""How far a driver has come: every rule with a score, and the grade that they add up to (DESIGN section 5).

draft    decodes: its frames hold, its points are sound
bronze   frames of all sorts, a frame map, sources; garbage is refused
silver   commands, ranges, availability; no trouble on the way to the device brings it down
gold     proven on hardware, or on a simulator that somebody else wrote (`About.proven` says which)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from sluis.model import Kind
from sluis.sdk.driver import Driver, Grade
from sluis.sdk.standin import StandIn
from sluis.sdk.testing.conformance import Finding, Subject, check_cases, sample_value
from sluis.sdk.testing.frames import Case
from sluis.sdk.testing.trouble import Trial, Troubles

ORDER = (Grade.DRAFT, Grade.BRONZE, Grade.SILVER, Grade.GOLD)

BRONZE = frozenset(
    {
        "sources are named",
        "docstring draws the frame",
        "has a damaged frame",
        "has a foreign frame",
        "decode is pure",
        "garbage raises FrameError only",
        "nothing is left to change",
    }
)
SILVER = frozenset({"writable points perform", "odd values are refused"})
"""The rules of the suite that a draft need not hold; the others are for every grade."""

Limit = Callable[[], AbstractContextManager[None]]


class Hung(BaseException):
    """A rule took longer than it may: the driver loops, or waits for something."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One rule: what it found, how well it went, and the grade that needs it."""

    finding: Finding
    grade: Grade
    score: int
    """0 to 100: the share of tries that went well."""
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """All marks of one driver."""

    key: str
    claimed: Grade
    marks: tuple[Mark, ...]

    @property
    def grade(self) -> Grade | None:
        """The highest grade all of whose rules hold, those below it too; None when it is not even a draft."""
        reached = None
        for grade in ORDER:
            if not all(mark.finding.ok for mark in self.marks if mark.grade is grade):
                return reached
            reached = grade
        return reached

    @property
    def score(self) -> int:
        """The mean of all marks."""
        return round(sum(mark.score for mark in self.marks) / len(self.marks)) if self.marks else 0


def graded(
    cls: type[Driver], cases: Sequence[Case], stand_in: type[StandIn] | None = None, limit: Limit = nullcontext
) -> Report:
    """Hold a driver against every rule and every case of trouble. `limit` ends a rule that does not end, with Hung."""
    try:
        with limit():
            findings = check_cases(cls, cases)
    except Hung:
        findings = [Finding("answers at all", "it hangs while its frames are decoded")]
        return Report(cls.about.key, cls.about.grade, (Mark(findings[0], Grade.DRAFT, 0),))
    marks = [Mark(found, _grade_of(found.rule), 100 if found.ok else 0) for found in findings]
    subject = Subject(cls, cases)
    for rule, hold in ASSESSED.items():
        problem = hold(subject)
        grade = Grade.BRONZE if rule in BRONZE else Grade.GOLD if rule in GOLD else Grade.SILVER
        marks.append(Mark(Finding(rule, problem, _excuse(cls, rule)), grade, 0 if problem else 100))
    troubles = Troubles(subject, sample_value, stand_in)
    marks += [_troubled(cls, name, case, limit) for name, case in troubles.cases.items()]
    return Report(cls.about.key, cls.about.grade, tuple(marks))


def _grade_of(rule: str) -> Grade:
    return Grade.BRONZE if rule in BRONZE else Grade.SILVER if rule in SILVER else Grade.DRAFT


def _excuse(cls: type[Driver], rule: str) -> str:
    return cls.about.exemptions.get(rule, "")


def _troubled(cls: type[Driver], name: str, case: Callable[[], Iterator[Trial]], limit: Limit) -> Mark:
    rule = f"trouble: {name}"
    trials: list[Trial] = []
    try:
        with limit():
            trials.extend(case())
    except Hung:
        trials.append(Trial("the case", "it hangs"))
    except Exception as error:
        trials.append(Trial("the case", f"raised {type(error).__name__}: {error}"))
    failed = [trial for trial in trials if trial.problem]
    score = round(100 * (len(trials) - len(failed)) / len(trials)) if trials else 100
    problem = f"{failed[0].what}: {failed[0].problem}" if failed else ""
    return Mark(Finding(rule, problem, _excuse(cls, rule)), Grade.SILVER, score, len(trials))


# -- what the suite does not ask of every driver ---------------------------------------------------------------


def nothing_left_to_change(subject: Subject) -> str:
    left = [source for source in subject.cls.about.sources if source.startswith("CHANGE")]
    return f"about.sources still says {left[0]!r}" if left else ""


def writable_numbers_have_ranges(subject: Subject) -> str:
    for _, point in subject.writable():
        if point.kind is Kind.NUMBER and (point.minimum is None or point.maximum is None):
            return f"{point.key}: nothing says how far it may be set"
    return ""


def silence_is_noticed(subject: Subject) -> str:
    """Something tells that a device is gone: an interval of a point, a presence, or polling."""
    for driver in subject.drivers():
        if driver.poll_every_s() is not None or any(point.every_s is not None for point in driver.points()):
            return ""
    if any(case.entry.get("presence") or "presence" in str(case.entry.get("announces")) for case in subject.cases):
        return ""
    return "no point has every_s, no frame tells a presence, and it is not polled"


def is_proven(subject: Subject) -> str:
    return "" if subject.cls.about.proven.strip() else "about.proven does not say against what"


ASSESSED: dict[str, Callable[[Subject], str]] = {
    "nothing is left to change": nothing_left_to_change,
    "writable numbers have ranges": writable_numbers_have_ranges,
    "silence is noticed": silence_is_noticed,
    "is proven": is_proven,
}
GOLD = frozenset({"is proven"})
