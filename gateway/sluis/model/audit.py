"""The audit log's nouns: what was done, and what a check of the log found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did, as written and never changed."""

    seq: int
    """Starts at 1, without gaps."""
    at_us: int
    mono_us: int
    trusted: bool
    """Whether the wall clock was known to be right."""
    boot: str
    """Which life of the gateway; `mono_us` compares only within one."""
    actor: str
    """`kind:name`, e.g. `person:anna`."""
    origin: str
    action: str
    """noun.verb, e.g. `device.adopt`."""
    object: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Before and after, where something changed; never a secret."""
    reason: str = ""
    digest: str = ""
    """Hex of this entry's link in the chain."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something is wrong with the log at `seq`."""

    seq: int
    kind: str
    """`changed`, `removed`, `inserted`, `reordered`, `truncated`, `rewritten`, `checkpoint`."""
    what: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Outcome of a check of the whole log."""

    entries: int
    checkpoints: int
    """Signed checkpoints the log was held against."""
    head: str
    """Hex of the last link."""
    findings: tuple[AuditFinding, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.findings
