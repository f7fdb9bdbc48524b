"""What the panel needs of releases. `sluis.app.supply` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sluis.model import Actor


@dataclass(frozen=True, slots=True)
class FreshReport:
    """How new what was last seen of the releases is."""

    version: int
    made_at_us: int | None
    """When somebody last said what is newest; None when that is not known."""
    until_us: int
    age_s: float | None
    """None where the time is not known."""
    late: bool | None
    """Nobody said so in time. A warning: what is here stays authentic."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A key that releases are trusted by."""

    id: str
    name: str
    roles: tuple[str, ...]
    """`root`, `release`, `fresh`."""


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Whom this gateway trusts with releases."""

    version: int
    print: str
    """What people compare: 32 hex digits."""
    expires_us: int
    expired: bool
    thresholds: Mapping[str, int]
    """Signatures needed, by role."""
    keys: tuple[KeyReport, ...]
    node_trust: str
    """The `/trust.json` that new nodes are given."""
    sequence: int
    """Of those release keys."""
    handed_down: tuple[int, ...]
    """Sequences that nodes can be brought to over the air."""
    fresh: FreshReport | None
    """None while no repository was seen."""
    repository: str
    """The address in the settings."""


@dataclass(frozen=True, slots=True)
class BundleReport:
    """A bundle on this gateway."""

    name: str
    board: str
    version: str
    sequence: int
    manifest: str
    bytes: int
    at_us: int
    by: str
    source: str
    allowed: str
    state: str
    """`ready`, `untrusted`, `expired` or `damaged`."""
    why: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class BundleDetail:
    """One bundle, opened."""

    report: BundleReport
    told: Mapping[str, Any]
    """`runtime`, `from`, `expires`, `files`, `changelog`, `tools`, `signed_by`."""


@dataclass(frozen=True, slots=True)
class OfferReport:
    """A bundle in a repository."""

    name: str
    bytes: int
    board: str
    version: str
    sequence: int
    here: bool


@dataclass(frozen=True, slots=True)
class LookReport:
    """What a repository holds."""

    source: str
    fresh: FreshReport
    offers: tuple[OfferReport, ...]
    handed_down: tuple[int, ...]
    """New sets of release keys that came with it, by sequence."""


@dataclass(frozen=True, slots=True)
class TakenReport:
    """What became of one bundle at an import."""

    name: str
    outcome: str
    """`imported`, `there` or `refused`."""
    said: str
    code: str = ""
    """Of the error, where it was refused."""


class Supply(Protocol):
    """Releases: whom to trust, what is offered, what is here."""

    @property
    def repository(self) -> str: ...
    async def trust(self) -> TrustReport | None:
        """None while nobody was chosen."""

    async def choose(self, root: bytes, print_: str, actor: Actor, *, reason: str = "") -> TrustReport: ...
    async def look(self, source: str) -> LookReport: ...
    async def bring(
        self, source: str, names: Sequence[str], actor: Actor, *, allow_older: bool = False, reason: str = ""
    ) -> list[TakenReport]: ...
    async def take(
        self, content: bytes, source: str, actor: Actor, *, allow_older: bool = False, reason: str = ""
    ) -> BundleReport: ...
    async def bundles(self) -> list[BundleReport]: ...
    async def bundle(self, name: str) -> BundleDetail: ...
    async def file(self, name: str) -> Path: ...
    async def remove(self, name: str, actor: Actor, *, reason: str = "") -> None: ...
