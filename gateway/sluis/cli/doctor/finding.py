"""What a check of the doctor finds, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WRONG = "wrong"
    """Something has to be done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of one check: what is so, why it matters, what to do."""

    check: str
    level: Level
    what: str
    why: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What is examined. Tests hand in a tree of their own as `root`."""

    data_dir: Path
    config: Path | None = None
    root: Path = field(default=Path("/"))
    now_s: float = 0.0
    """Wall clock, seconds since 1970."""

    def path(self, absolute: str) -> Path:
        """A file of the machine, below `root`."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str:
        """Its content without surrounding space; "" when it cannot be read."""
        try:
            return self.path(absolute).read_text(errors="replace").strip("\0 \n")
        except OSError:
            return ""

    @property
    def real(self) -> bool:
        """Whether this machine itself is examined."""
        return self.root == Path("/")


def ok(check: str, what: str) -> Finding:
    return Finding(check, Level.OK, what)


def note(check: str, what: str, why: str = "", todo: str = "") -> Finding:
    return Finding(check, Level.NOTE, what, why, todo)


def wrong(check: str, what: str, why: str, todo: str) -> Finding:
    return Finding(check, Level.WRONG, what, why, todo)
