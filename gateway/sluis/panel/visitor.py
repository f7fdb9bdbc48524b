"""Who makes a request, and a short memory of who a secret belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from sluis.model import Actor, ApiToken, Session, User
from sluis.runtime import Clock

REMEMBER_S = 30.0
"""How long a secret's owner is remembered without asking the store. Accounts change only through this object, which
forgets at once, so this bounds only memory and what an offline change of the database can delay."""

REMEMBERED = 1_000
"""Secrets remembered at most."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes a request, and how they proved it."""

    actor: Actor
    session: Session | None = None
    """Set when a browser session proved it: writes then need the CSRF token."""
    token: ApiToken | None = None
    csrf: str = ""
    user: User | None = None

    def covers(self, noun: str) -> bool:
        return self.token is None or self.token.covers(noun)


class Remembered:
    """Visitors by the digest of their secret, each for `REMEMBER_S` from when the store was asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[bytes, tuple[Visitor, int]] = {}

    def get(self, digest: bytes) -> Visitor | None:
        known = self._known.get(digest)
        if known is None or self._now_us() - known[1] > REMEMBER_S * 1e6:
            return None
        return known[0]

    def keep(self, digest: bytes, visitor: Visitor) -> None:
        """Remember; one that is remembered already keeps its time."""
        asked_us = self._known[digest][1] if self.get(digest) else self._now_us()
        if digest not in self._known and len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[digest] = visitor, asked_us

    def clear(self) -> None:
        self._known.clear()

    def _now_us(self) -> int:
        return self._clock.stamp().mono_us
