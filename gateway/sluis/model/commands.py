"""Commands down to devices, and the receipts that follow them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from sluis.model.readings import Value


class Role(IntEnum):
    """What a person or token may do; each role may do all that the smaller ones may."""

    VIEWER = 1
    OPERATOR = 2
    """Commands to devices, acknowledging alerts."""
    TECHNICIAN = 3
    """Adopts devices, changes rules, drivers and links."""
    ADMIN = 4
    """Users, tokens, backups, settings."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wants something: a person, an API token, a script, a rule, the system itself."""

    kind: str
    """`person`, `token`, `script`, `rule`, `upstream`, `system`."""
    name: str
    role: Role = Role.VIEWER
    areas: frozenset[str] | None = None
    """Areas in which the role holds; None for all."""
    origin: str = ""
    """From where: IP address, `cli`, script name."""

    def may(self, role: Role, area: str = "") -> bool:
        """Whether this actor holds `role` in `area`."""
        return self.role >= role and (self.areas is None or not area or area in self.areas)

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor("system", "sluis", Role.ADMIN)


class Stage(StrEnum):
    """How far a command is. `DONE`, `EXPIRED`, `REFUSED` and `FAILED` are final."""

    ACCEPTED = "accepted"
    SENT = "sent"
    """The driver has performed it; the device has not confirmed yet."""
    DONE = "done"
    """The device reported the wished value (or the action has no state to report)."""
    EFFECTIVE = "effective"
    """DONE, and an independent point shows the effect."""
    INEFFECTIVE = "ineffective"
    """DONE, but the independent point does not show the effect within its time: a finding."""
    EXPIRED = "expired"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self not in (Stage.ACCEPTED, Stage.SENT)


@dataclass(frozen=True, slots=True)
class Command:
    """A wish that a writable point take a value, or that a trigger point act."""

    id: str
    device: str
    point: str
    value: Value | None
    actor: Actor
    at_us: int
    deadline_s: float = 5.0
    reason: str = ""
    cause: str = ""
    """Id of what led to it: `rule:NAME@VERSION`, `run:ID`, `command:ID`; "" for a person's own wish."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Progress and outcome of a command; never a bare bool."""

    command: Command
    stage: Stage
    at_us: int
    detail: str = ""
    """A sentence for people: why it was refused, what went wrong."""
    code: str = ""
    """Error code when refused, failed or expired."""
    history: tuple[tuple[str, int], ...] = field(default=())
    """(stage, at_us) of every stage passed."""
