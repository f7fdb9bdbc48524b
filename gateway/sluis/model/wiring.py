"""What is wired to a node: what its firmware knows of parts, what is wrong with a configuration, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sluis.model.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What may stand at one key."""

    key: str
    kind: str
    """`flag`, `number`, `text`, `choice`, `pin`, `bus`."""
    needed: bool = False
    default: Any = None
    """What counts when it is not told; None for nothing."""
    low: float | None = None
    high: float | None = None
    whole: bool = False
    options: tuple[str, ...] = ()
    longest: int = 64
    out: bool = False
    """A pin that is driven."""
    bus: str = ""
    """The kind of the bus whose name this is."""


@dataclass(frozen=True, slots=True)
class PointInfo:
    """One point that a part has."""

    suffix: str
    kind: str
    quantity: str
    unit: str
    writable: bool
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class KindInfo:
    """A kind of part."""

    key: str
    about: str
    source: str
    check: str
    """What to look at when its test fails."""
    fields: Mapping[str, FieldInfo]
    points: tuple[PointInfo, ...]


@dataclass(frozen=True, slots=True)
class PinsInfo:
    """The pins of a board."""

    free: tuple[int, ...]
    read_only: tuple[int, ...]
    led: str
    avoid: Mapping[int, str]
    """Pins that are better left alone, and why."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it. `version` is that of the firmware that comes with this gateway: a node may run another."""

    version: str
    kinds: Mapping[str, KindInfo]
    buses: Mapping[str, Mapping[str, FieldInfo]]
    node: Mapping[str, FieldInfo]
    """What else may stand in the file."""
    boards: Mapping[str, PinsInfo]

    def fields(self, entry: Mapping[str, Any], among: str) -> Mapping[str, FieldInfo]:
        """What may stand in an entry of `parts` or `buses`; empty for a kind that is not known."""
        if among == "buses":
            return self.buses.get(str(entry.get("bus")), {})
        kind = self.kinds.get(str(entry.get("part")))
        return kind.fields if kind is not None else {}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a configuration."""

    where: str
    """The key it is at: `parts.pump.pin`; "" for the whole."""
    what: str
    """The rest of a sentence: `is missing`."""

    def sentence(self) -> str:
        return f"{self.where} {self.what}".strip()


class WrongWiring(ConfigError):
    """The node's firmware would refuse it; `faults` says all that is wrong."""

    code = "node.config"
    hint = "Correct what is named. Every part, and what may stand in it: docs/reference/node-parts.md"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(one.sentence() for one in faults[:10]))
        self.faults = tuple(faults)


class Stage(StrEnum):
    """What became of a configuration that a node was given."""

    TRYING = "trying"
    """The node has taken it, and restarts with it."""
    KEPT = "kept"
    """It came back with it."""
    BACK = "back"
    """It came back with the one from before."""
    LOST = "lost"
    """It did not come back in time."""

    @property
    def final(self) -> bool:
        return self is not Stage.TRYING


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration on its way. Kept as long as the gateway runs."""

    node: str
    config: Mapping[str, Any]
    trial_s: int
    """How long the node looks for its broker with it, before it goes back."""
    at_us: int
    by: str
    """Who gave it (`Actor.label`)."""
    stage: Stage = Stage.TRYING
    reason: str = ""
    """Why it went back, or what is to be looked at."""
    ended_at_us: int | None = None
