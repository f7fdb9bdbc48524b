"""What happens to a rollout. Times are seconds, of whatever clock its keeper uses, and never run backwards."""

from __future__ import annotations

from typing import Literal

import msgspec


class Tick(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Time has passed. `open`: whether a maintenance window is open now."""

    at_s: float
    open: bool = True


class Told(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A target said what it runs and what it is doing."""

    at_s: float
    key: str
    version: str
    sequence: int = 0
    trial: bool = False
    phase: str = ""
    """`fetching`, `waiting`, `failed` ...; "" for nothing under way."""
    percent: int = 0
    reason: str = ""
    back: bool = False
    """It has gone back from this release by itself."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of an order."""

    at_s: float
    key: str
    said: Literal["taken", "later", "no", "silent"]
    why: str = ""
    after_s: float = 0.0
    """With `later`: when to ask again."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How a target does, from everything that the gateway knows of it. Only of one that was heard of."""

    at_s: float
    key: str
    healthy: bool = True
    alerts: int = 0
    free_bytes: int | None = None
    every_s: float | None = None
    """Time since its last report."""
    why: str = ""
    """What is wrong with it."""


class Superseded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A newer wish has these targets."""

    at_s: float
    keys: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person wants something of the rollout."""

    at_s: float
    what: Literal["pause", "resume", "retry", "abort", "undo"]


Event = Tick | Told | Answer | Seen | Superseded | Asked
