"""`sluis driver check`: a driver's grade, rule by rule."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.sdk import Driver, Grade
from sluis.sdk.loading import stand_in_of_file
from sluis.sdk.testing import load
from sluis.sdk.testing.grading import ORDER, Hung, Report, graded

RULE_S = 60
"""Longest time for one rule or case. A driver of a large meter takes some seconds on a Pi Zero; one that loops takes
for ever."""

SHORT_OF = {None: EXIT_FINDING, Grade.DRAFT: 11, Grade.BRONZE: 12, Grade.SILVER: 13}
"""Exit code by the grade that was reached, when more was wanted."""


def checked(cls: type[Driver], frames: Path, simulator: Path | None) -> Report:
    """Every rule and case. Failure when the simulator is none."""
    try:
        stand_in = stand_in_of_file(simulator) if simulator else None
    except Exception as error:
        raise Failure(f"{simulator} cannot be used: {error}") from error
    return graded(cls, load(frames), stand_in, _within)


def exit_code(report: Report, wanted: str | None) -> int:
    """0 when it reached what was wanted, or claims."""
    goal = Grade(wanted) if wanted else report.claimed
    reached = report.grade
    if reached is not None and ORDER.index(reached) >= ORDER.index(goal):
        return 0
    return SHORT_OF[reached]


def lines_of_report(report: Report, frames: Path) -> Iterator[str]:
    """For people: what does not hold, red, and what it adds up to."""
    yield f"{report.key} with {frames}"
    for mark in report.marks:
        tries = f" ({mark.tries} tries)" if mark.tries > 1 else ""
        told = f"  {mark.score:3}  {mark.grade.value:6}  {mark.finding}{tries}"
        yield told if mark.finding.ok else click.style(told, fg="red")
    hold = sum(mark.finding.ok for mark in report.marks)
    reached = report.grade.value if report.grade else "none"
    yield f"{hold} of {len(report.marks)} rules hold, score {report.score}"
    yield f"Grade: {reached} (it claims {report.claimed.value})"
    missing = _next(report)
    if missing:
        yield missing


def _next(report: Report) -> str:
    """What stands between it and the next grade."""
    at = ORDER.index(report.grade) + 1 if report.grade else 0
    if at == len(ORDER):
        return ""
    wanting = [mark.finding.rule for mark in report.marks if mark.grade is ORDER[at] and not mark.finding.ok]
    return f"For {ORDER[at].value}: {', '.join(wanting)}"


def as_plain(report: Report, frames: Path) -> dict[str, Any]:
    """For --json."""
    return {
        "key": report.key,
        "frames": str(frames),
        "grade": report.grade.value if report.grade else "none",
        "claims": report.claimed.value,
        "score": report.score,
        "findings": [
            {
                "rule": mark.finding.rule,
                "grade": mark.grade.value,
                "score": mark.score,
                "tries": mark.tries,
                "problem": mark.finding.problem,
                "excuse": mark.finding.excuse,
            }
            for mark in report.marks
        ],
    }


@contextmanager
def _within() -> Iterator[None]:
    """Hung when what runs inside is not over in time. On the main thread only, as the command line is."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, RULE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
