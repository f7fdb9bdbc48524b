"""What is known of one board on the bench: a card that only moves along allowed ways.

    seen -> probed -> approved -> writing(n%) -> verified -> booted -> tested -> identified -> labelled -> done
                                     ^                         |
                                     +---- files of the node --+
    failed(step, reason, what to do) from anywhere, and from there to seen: the next attempt

Steps that this bench has nobody for (`tested`, `identified`, `labelled`) are left out, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sluis.model import SluisError
from sluis_provision.flashers import BoardFound


class Step(StrEnum):
    SEEN = "seen"
    PROBED = "probed"
    APPROVED = "approved"
    WRITING = "writing"
    VERIFIED = "verified"
    BOOTED = "booted"
    TESTED = "tested"
    IDENTIFIED = "identified"
    LABELLED = "labelled"
    DONE = "done"
    FAILED = "failed"


AFTER_START = (Step.TESTED, Step.IDENTIFIED, Step.LABELLED)
"""What follows when a board runs; done by whoever the bench was given for it."""
ORDER = (
    Step.SEEN,
    Step.PROBED,
    Step.APPROVED,
    Step.WRITING,
    Step.VERIFIED,
    Step.BOOTED,
    *AFTER_START,
    Step.DONE,
)
NEEDED = ORDER[: ORDER.index(Step.BOOTED) + 1]
"""Steps that are never left out."""


def allowed(before: Step, after: Step) -> bool:
    """Whether a card may go from one step to the other."""
    if after is Step.FAILED:
        return before not in (Step.DONE, Step.FAILED)
    if before is Step.FAILED:
        return after is Step.SEEN
    if before is Step.DONE:
        return False
    if before is after:
        return before is Step.WRITING
    if (before, after) == (Step.BOOTED, Step.WRITING):
        return True
    between = ORDER[ORDER.index(before) + 1 : ORDER.index(after)]
    return ORDER.index(after) > ORDER.index(before) and not set(between) & set(NEEDED)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a board did not get further."""

    at: Step
    """The step it was in."""
    code: str
    reason: str
    next: str
    """What a person does now."""


@dataclass(frozen=True, slots=True)
class Card:
    """One board on one port, as it stands now."""

    port: str
    """What the person called it: `/dev/ttyUSB0`."""
    place: str = ""
    """The USB socket it is plugged into; "" where it is not known."""
    step: Step = Step.SEEN
    percent: int = 0
    found: BoardFound | None = None
    said: str = ""
    """One sentence about the last step."""
    failure: Failure | None = None
    kept: int = 0
    """Bytes that were there and right already, and so were not written."""
    started_us: int = 0
    ended_us: int = 0

    @property
    def uid(self) -> str:
        return self.found.uid if self.found else ""

    def to(self, step: Step, **changes: Any) -> Card:
        """The card a step further. ValueError for a way that is not allowed: a fault in the bench."""
        if not allowed(self.step, step):
            raise ValueError(f"a board does not go from {self.step} to {step}")
        return replace(self, step=step, **changes)

    def failed(self, error: SluisError) -> Card:
        failure = Failure(self.step, error.code, str(error), error.hint or "Try again.")
        return self.to(Step.FAILED, failure=failure, said=str(error))
