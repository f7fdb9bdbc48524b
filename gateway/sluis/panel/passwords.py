"""Passwords and random secrets. Only hashes of either are ever stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sluis.panel.errors import Throttled, WeakPassword

MEMORY_KIB = 19_456
"""Memory of one argon2id hash. OWASP's first choice (Password Storage Cheat Sheet: 19 MiB, two passes, one lane).
Larger and two people signing in push a Pi Zero 2 W with 512 MB into swap; smaller and a stolen database is
cheaper to guess."""

AT_ONCE = 2
"""Hashes computed at the same time. More and a burst of sign-ins takes memory and cores from the readings."""

WAITING_MAX = 16
"""Hashes that may wait for their turn. More and a flood of sign-ins keeps everybody else out for minutes; fewer and a
whole team that signs in at eight is turned away."""

PASSWORD_MAX = 256
"""Longest password in characters: longer ones only cost time to hash."""

COMMON = frozenset({"password", "wachtwoord", "welkom", "welcome", "sluis", "admin", "qwerty", "123456", "letmein"})
"""Words that make a password guessable when little else is in it."""

TOKEN_PREFIX = "slu_"  # noqa: S105  (a label, so that leak scanners recognise our tokens)

_hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1)


class Passwords:
    """Hashes and checks passwords, off the event loop, a few at a time."""

    def __init__(self, shortest: int) -> None:
        self._shortest = shortest
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    def check_strength(self, password: str, name: str = "") -> None:
        """WeakPassword when it is too short, too long, or little more than a common word or the name."""
        if not self._shortest <= len(password) <= PASSWORD_MAX:
            raise WeakPassword(f"a password has {self._shortest} to {PASSWORD_MAX} characters")
        rest = password.casefold()
        for word in (*COMMON, name.casefold()):
            rest = rest.replace(word, "") if word else rest
        if len(rest.strip("0123456789!.?-_ ")) < 3 and len(set(rest)) < 6:
            raise WeakPassword("the password is a common word or a name with little else")

    async def hash(self, password: str) -> str:
        """The password's hash. Throttled when too many wait."""
        async with self._turn():
            return await asyncio.to_thread(_hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one. Takes as long when `stored` is None (unknown name). Throttled as `hash`."""
        async with self._turn():
            good = await asyncio.to_thread(_verify, stored, password[: PASSWORD_MAX + 1])
        return good and stored is not None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise Throttled(5)
        self._waiting += 1
        try:
            async with self._room:
                yield
        finally:
            self._waiting -= 1


@cache
def _nobodys() -> str:
    """Hash nobody knows the password of: an unknown name costs the same time as a wrong password. Made at the first
    need (which takes one hash longer, once per start), not at import: that would cost every start."""
    return _hasher.hash(secrets.token_hex(16))


def _verify(stored: str | None, password: str) -> bool:
    try:
        return _hasher.verify(stored or _nobodys(), password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A new API token."""
    return TOKEN_PREFIX + new_secret()


def new_setup_code() -> str:
    """A code a person can type: 8 letters and digits without look-alikes (39 bits), in two groups."""
    letters = "".join(secrets.choice("ABCDEFGHJKMNPQRSTVWXYZ23456789") for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def digest_of(secret: str) -> bytes:
    """What is stored of a session or token secret. They are random, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(session_secret: str) -> str:
    """The CSRF token of a session: derived, so nothing more is stored and it ends with the session."""
    return hmac.new(session_secret.encode(), b"sluis csrf", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
