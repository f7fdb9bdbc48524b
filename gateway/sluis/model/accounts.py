"""Who may come in: users, their sessions and named API tokens. Secrets never appear here."""

from __future__ import annotations

from dataclasses import dataclass

from sluis.model.commands import Actor, Role

ALL_NOUNS = "*"
"""In `ApiToken.nouns`: every noun, reading and writing."""


@dataclass(frozen=True, slots=True)
class User:
    """A person with a name to sign in with."""

    name: str
    """Lower case, what is typed to sign in and what the audit log shows."""
    role: Role
    areas: frozenset[str] | None = None
    """Areas in which the role holds; None for all."""
    full_name: str = ""
    email: str = ""
    language: str = ""
    """`nl`, `en`, or "" for what the browser asks."""
    disabled: bool = False
    created_at_us: int = 0
    signed_in_at_us: int | None = None

    def actor(self, origin: str) -> Actor:
        """This person, acting from `origin`."""
        return Actor("person", self.name, self.role, self.areas, origin)


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser."""

    id: int
    user: str
    created_at_us: int
    seen_at_us: int
    """Last use, to the minute."""
    expires_at_us: int
    """Ends then, however busy it is."""
    origin: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A key for a program."""

    name: str
    role: Role
    areas: frozenset[str] | None = None
    nouns: frozenset[str] = frozenset({ALL_NOUNS})
    """What it may touch: `devices:read`, `commands:write`, ...; `*` for everything its role may."""
    created_at_us: int = 0
    created_by: str = ""
    expires_at_us: int | None = None
    used_at_us: int | None = None
    """Last use, to the minute."""

    def actor(self, origin: str) -> Actor:
        """The program that holds this token, acting from `origin`."""
        return Actor("token", self.name, self.role, self.areas, origin)

    def covers(self, noun: str) -> bool:
        """Whether `noun` (`devices:read`) is in its scope. Writing implies reading."""
        if ALL_NOUNS in self.nouns or not noun or noun in self.nouns:
            return True
        what, _, way = noun.partition(":")
        return way == "read" and f"{what}:write" in self.nouns
