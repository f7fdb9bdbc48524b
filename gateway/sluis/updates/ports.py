"""What rollouts need of the gateway. `app` hands the real things in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sluis.fleet import Release, Rollout, Seen, Target, Told
from sluis.model import Actor


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device said to an order."""

    said: Literal["taken", "later", "no", "silent"]
    why: str = ""
    after_s: float = 0.0


class Site(Protocol):
    """What there is to update, and how it does."""

    async def targets(self) -> Sequence[Target]:
        """Everything that could be updated, as it is now."""

    async def release(self, name: str) -> Release:
        """An imported release. Raises why it is not to be used."""

    def seen(self, key: str, at_s: float) -> Seen | None:
        """How a target does; None for one that is not heard of."""

    def told(self, key: str, at_s: float) -> Told | None:
        """What a target says of itself now; None for one that tells by itself, or is out of reach."""

    def now(self) -> tuple[int, int]:
        """Day of the week (0 is Monday) and minute of the day, in the site's time."""


class Carrier(Protocol):
    """Carries orders out for one kind of target. Never raises for what a device does."""

    async def offer(self, key: str, release: str, actor: Actor) -> Reply: ...
    async def withdraw(self, key: str, actor: Actor) -> Reply: ...
    async def undo(self, key: str, actor: Actor) -> Reply: ...


class Keeper(Protocol):
    """Where rollouts survive a restart."""

    async def load(self) -> Sequence[Rollout]: ...
    async def save(self, rollout: Rollout) -> None: ...


class Audit(Protocol):
    async def record(
        self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ..., *, reason: str = ""
    ) -> None: ...
