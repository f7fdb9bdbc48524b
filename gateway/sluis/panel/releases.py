"""What the panel needs of releases of the gateway itself. `sluis.app.releases` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sluis.model import Actor


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """A release of the gateway that is here."""

    bundle: str
    version: str
    sequence: int
    state: str
    """`runs`, `newer`, `older`, or why it cannot be taken: `untrusted`, `expired`, `damaged`, `other-machine`."""
    why: str = ""
    changelog: Mapping[str, str] | None = None
    """By language: `en`, `nl`."""


@dataclass(frozen=True, slots=True)
class LastReport:
    """What came of the last update."""

    outcome: str
    """`confirmed`, `returned`, `refused`, `undone`."""
    source: str
    """The release before."""
    target: str
    why: str
    by: str
    began_us: int
    """Start of the trial; 0 for none."""
    ended_us: int
    gap: bool
    """The database of before came back: what was taken in between lies beside, and is a gap in the history."""


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """Where the gateway's own update stands."""

    possible: bool
    """False where it was not installed by `make install`."""
    running: str
    previous: str
    """The release that `undo` goes back to; "" for none."""
    step: str
    """`settled`, `unpacking`, `compiling`, `checking`, `wanted`, `trial` or `returning`."""
    done: int
    of: int
    target: str
    """What it is changing to."""
    waits_for: str
    """During a trial: what is not well yet."""
    problem: str
    """Why the last try to lay a release here failed."""
    last: LastReport | None
    releases: tuple[ReleaseReport, ...]
    """Newest first."""


class Releases(Protocol):
    """The gateway's own update."""

    async def report(self) -> UpdateReport: ...
    async def install(self, bundle: str, actor: Actor, *, allow_older: bool = False, reason: str = "") -> None:
        """Begin. The gateway starts again by itself when the release lies ready."""

    async def undo(self, actor: Actor, *, reason: str) -> None:
        """Go back to the release before; the gateway starts again."""
