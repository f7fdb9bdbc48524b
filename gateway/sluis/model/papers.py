"""Instruction cards and site walks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sluis.model.readings import Value


@dataclass(frozen=True, slots=True)
class Card:
    """The instruction card of a device in one language."""

    device: str
    language: str
    text: str
    """Markdown."""
    by: str = ""
    """Who wrote it; "" for the one that is made from what the device offers."""
    at_us: int = 0


class Outcome(StrEnum):
    """How a step of a walk came out."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One thing to check on a walk: a point of a device, to be driven or looked at."""

    device: str
    point: str
    """"" for the device itself: is it there and heard."""
    drive: tuple[Value, ...] = ()
    """Values to drive the point to, one after the other; the last is where it was. Empty: only look."""
    outcome: Outcome = Outcome.OPEN
    expected: str = ""
    found: str = ""
    note: str = ""
    by: str = ""
    at_us: int = 0
    rssi_dbm: float | None = None
    """How strongly it was heard, where that is known."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A technician's way through an area, from the first step to the signature."""

    id: str
    area: str
    technician: str
    begun_at_us: int
    steps: tuple[WalkStep, ...]
    signed_at_us: int = 0
    """0 while it is under way."""
    before: str = ""
    """Print of the certificate of the walk that this one repeats; "" for none."""
