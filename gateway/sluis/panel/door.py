"""The door: first set-up, signing in and out, sessions, tokens, and who may change an account.

Theory of operation. A secret (session cookie, API token) is 256 random bits; the store knows only its SHA-256. What
a secret stands for is remembered in memory for `REMEMBER_S` and forgotten at once when any account changes, so a
revoked session ends with its next request and its live stream with the next heartbeat. Failed tries are counted per
account and per address in the store, so that a restart forgives nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from sluis.model import Actor, ApiToken, NotFound, Role, Session, User
from sluis.panel.errors import BadCredentials, NotPermitted, NotSignedIn, SetupClosed
from sluis.panel.passwords import Passwords, csrf_of, digest_of, new_secret, new_setup_code, new_token, same
from sluis.panel.ports import AccountStore, Audit
from sluis.panel.settings import PanelSettings
from sluis.panel.throttle import Throttle, address_subject
from sluis.panel.visitor import Remembered, Visitor
from sluis.runtime import Clock

TOUCH_US = 60_000_000
"""`seen_at` is written once a minute: more often and every page wears the card."""

LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Door:
    """Accounts and credentials. Every change is recorded in the audit log."""

    def __init__(self, store: AccountStore, audit: Audit, clock: Clock, settings: PanelSettings) -> None:
        self.settings = settings
        self.changes = 0
        """Counts account changes; whoever remembers a Visitor looks here whether to ask again."""
        self._store = store
        self._audit = audit
        self._clock = clock
        self._passwords = Passwords(settings.password_min)
        self._throttle = Throttle(store, clock)
        self._setup_code = ""
        self._local_token = ""
        self._remembered = Remembered(clock)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- set-up -------------------------------------------------------------------------------------------

    async def open(self) -> str | None:
        """To be called at start. A fresh set-up code to print while there is no user yet, else None."""
        self._setup_code = "" if await self._store.users() else new_setup_code()
        return self._setup_code or None

    @property
    def needs_setup(self) -> bool:
        return bool(self._setup_code)

    def local_token(self) -> str:
        """A new admin token that works from this machine only, until the next one is made or the process ends."""
        self._local_token = new_token()
        return self._local_token

    async def set_up(
        self, code: str, name: str, password: str, origin: str, agent: str = "", full_name: str = ""
    ) -> str:
        """Make the first admin with the printed code and sign them in; returns the session secret."""
        await self._throttle.check("setup:", address_subject(origin))
        wanted = self._setup_code
        if not wanted or not same(code.strip().upper(), wanted):
            await self._throttle.failed("setup:", address_subject(origin))
            raise SetupClosed
        self._passwords.check_strength(password, name)
        user = User(tidy_name(name), Role.ADMIN, full_name=full_name, created_at_us=self._now())
        hashed = await self._passwords.hash(password)
        if self._setup_code != wanted:
            raise SetupClosed
        self._setup_code = ""
        try:
            await self._store.add_user(user, hashed)
        except BaseException:
            self._setup_code = wanted
            raise
        await self._audit.record(user.actor(origin), "gateway.set-up", user.name)
        return await self._begin_session(user, origin, agent)

    # -- signing in and out -------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str, origin: str, agent: str = "") -> str:
        """A new session's secret. BadCredentials or Throttled otherwise; both cost an unknown name the same."""
        name = tidy_name(name)[:64]
        # One try at a time per account: a thousand at once would all be let in before the first is counted.
        async with self._one_at_a_time(name):
            user = await self._who(name, password, origin)
        secret = await self._begin_session(user, origin, agent)
        await self._audit.record(user.actor(origin), "session.begin", user.name)
        return secret

    async def _who(self, name: str, password: str, origin: str) -> User:
        subjects = f"account:{name}", address_subject(origin)
        await self._throttle.check(*subjects)
        found = await self._store.credential(name)
        good = await self._passwords.matches(found[1] if found else None, password)
        if not good or found is None or found[0].disabled:
            await self._throttle.failed(*subjects)
            await self._audit.record(Actor("person", name or "?", origin=origin), "session.refused", name)
            raise BadCredentials
        await self._throttle.forgive(subjects[0])
        return found[0]

    def _one_at_a_time(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def sign_out(self, visitor: Visitor) -> None:
        if visitor.session is not None:
            await self._store.end_session(visitor.session.id)
            self._forget()
            await self._audit.record(visitor.actor, "session.end", visitor.session.user)

    async def _begin_session(self, user: User, origin: str, agent: str) -> str:
        secret, now = new_secret(), self._now()
        ends = now + int(self.settings.session_life_s * 1e6)
        await self._store.add_session(digest_of(secret), Session(0, user.name, now, now, ends, origin, agent[:200]))
        await self._store.signed_in(user.name, now)
        return secret

    # -- who is it ----------------------------------------------------------------------------------------

    async def by_session(self, secret: str, origin: str) -> Visitor:
        """The visitor with this session cookie. NotSignedIn when it has ended."""
        digest = digest_of(secret)
        known = self._remembered.get(digest)
        if known is None:
            found = await self._store.session(digest)
            if found is None or found[1].disabled:
                raise NotSignedIn
            known = Visitor(found[1].actor(origin), found[0], csrf=csrf_of(secret), user=found[1])
        session, now = known.session, self._now()
        if (
            session is None
            or now > session.expires_at_us
            or now - session.seen_at_us > self.settings.session_idle_s * 1e6
        ):
            raise NotSignedIn
        if now - session.seen_at_us > TOUCH_US:
            await self._store.touch_session(session.id, now)
            known = replace(known, session=replace(session, seen_at_us=now))
        self._remembered.keep(digest, known)
        return replace(known, actor=replace(known.actor, origin=origin))

    async def by_token(self, secret: str, origin: str) -> Visitor:
        """The program with this API token. NotSignedIn when it is unknown, expired, or local and from elsewhere."""
        if self._local_token and same(secret, self._local_token):
            if origin not in LOOPBACK:
                raise NotSignedIn("this token works on the gateway itself only")
            return Visitor(Actor("token", "cli", Role.ADMIN, origin=origin), token=ApiToken("cli", Role.ADMIN))
        digest = digest_of(secret)
        known = self._remembered.get(digest)
        if known is None:
            found = await self._store.token(digest)
            if found is None:
                raise NotSignedIn
            known = Visitor(found.actor(origin), token=found)
        token, now = known.token, self._now()
        if token is None or (token.expires_at_us is not None and now > token.expires_at_us):
            raise NotSignedIn("the token has expired", hint="Make a new one under Users.")
        if now - (token.used_at_us or 0) > TOUCH_US:
            await self._store.touch_token(token.name, now)
            known = replace(known, token=replace(token, used_at_us=now))
        self._remembered.keep(digest, known)
        return replace(known, actor=replace(known.actor, origin=origin))

    def _forget(self) -> None:
        self._remembered.clear()
        self.changes += 1

    def _now(self) -> int:
        return self._clock.stamp().at_us

    # -- users --------------------------------------------------------------------------------------------

    async def users(self) -> list[User]:
        return await self._store.users()

    async def user(self, name: str) -> User:
        """NotFound when there is none."""
        for user in await self._store.users():
            if user.name == name:
                return user
        raise NotFound(f"there is no user {name!r}")

    async def add_user(self, user: User, password: str, actor: Actor) -> User:
        self._passwords.check_strength(password, user.name)
        user = replace(user, name=tidy_name(user.name), created_at_us=self._now())
        await self._store.add_user(user, await self._passwords.hash(password))
        # Made on the command line before the set-up: from here on the printed code is a spare key to the house.
        self._setup_code = ""
        await self._audit.record(actor, "user.add", user.name, {"after": _shown(user)})
        return user

    async def change_user(self, name: str, actor: Actor, **changes: Any) -> User:
        """Change role, areas, full_name, email, language or disabled. LastAdmin when no admin would be left."""
        before = await self.user(name)
        after = replace(before, **changes)
        await self._store.change_user(after)
        if after.disabled:
            await self._store.end_sessions(name)
        self._forget()
        await self._audit.record(actor, "user.change", name, {"before": _shown(before), "after": _shown(after)})
        return after

    async def remove_user(self, name: str, actor: Actor) -> None:
        before = await self.user(name)
        await self._store.remove_user(name)
        self._forget()
        await self._audit.record(actor, "user.remove", name, {"before": _shown(before)})

    async def set_password(self, name: str, password: str, actor: Actor, *, keep_session: int | None = None) -> None:
        """An admin sets somebody's password; all that person's sessions end."""
        await self.user(name)
        self._passwords.check_strength(password, name)
        await self._store.set_password(name, await self._passwords.hash(password))
        await self._store.end_sessions(name, but=keep_session)
        await self._throttle.forgive(f"account:{name}")
        self._forget()
        await self._audit.record(actor, "user.set-password", name)

    async def change_own_password(self, visitor: Visitor, old: str, new: str) -> None:
        """BadCredentials when `old` is wrong. The other sessions of the same person end."""
        if visitor.user is None or visitor.session is None:
            raise NotPermitted("a token has no password")
        subjects = f"account:{visitor.user.name}", address_subject(visitor.actor.origin)
        await self._throttle.check(*subjects)
        found = await self._store.credential(visitor.user.name)
        if not await self._passwords.matches(found[1] if found else None, old):
            await self._throttle.failed(*subjects)
            raise BadCredentials("the old password is wrong")
        await self.set_password(visitor.user.name, new, visitor.actor, keep_session=visitor.session.id)

    # -- sessions and tokens ------------------------------------------------------------------------------

    async def sessions(self, user: str = "") -> list[Session]:
        """Sessions that have not ended (of one user)."""
        now, idle = self._now(), self.settings.session_idle_s * 1e6
        held = await self._store.sessions(user)
        return [one for one in held if now <= one.expires_at_us and now - one.seen_at_us <= idle]

    async def end_session(self, session_id: int, actor: Actor) -> None:
        """Admins end anybody's; others their own. NotFound otherwise."""
        for session in await self._store.sessions():
            if session.id == session_id and (actor.role >= Role.ADMIN or session.user == actor.name):
                await self._store.end_session(session_id)
                self._forget()
                await self._audit.record(actor, "session.revoke", session.user, {"session": session_id})
                return
        raise NotFound(f"there is no session {session_id}")

    async def tokens(self) -> list[ApiToken]:
        return await self._store.tokens()

    async def add_token(self, token: ApiToken, actor: Actor) -> tuple[str, ApiToken]:
        """A new token: the secret (shown once) and what it stands for. Nobody hands out more than they hold."""
        if token.role > actor.role or not _within(token.areas, actor.areas):
            raise NotPermitted("a token cannot have more rights than you have")
        now, longest = self._now(), int(self.settings.token_life_s * 1e6)
        ends = min(token.expires_at_us or now + longest, now + longest)
        token = replace(token, created_at_us=now, created_by=actor.name, expires_at_us=ends)
        secret = new_token()
        await self._store.add_token(digest_of(secret), token)
        await self._audit.record(actor, "token.add", token.name, {"after": _shown_token(token)})
        return secret, token

    async def remove_token(self, name: str, actor: Actor) -> None:
        await self._store.remove_token(name)
        self._forget()
        await self._audit.record(actor, "token.remove", name)


def tidy_name(name: str) -> str:
    """A user's name as it is stored."""
    return name.strip().casefold().encode("utf-8", "ignore").decode()


def _within(asked: frozenset[str] | None, held: frozenset[str] | None) -> bool:
    return held is None or (asked is not None and asked <= held)


def _shown(user: User) -> Mapping[str, Any]:
    return {
        "role": user.role.word,
        "areas": None if user.areas is None else sorted(user.areas),
        "full_name": user.full_name,
        "email": user.email,
        "disabled": user.disabled,
    }


def _shown_token(token: ApiToken) -> Mapping[str, Any]:
    return {
        "role": token.role.word,
        "areas": None if token.areas is None else sorted(token.areas),
        "nouns": sorted(token.nouns),
        "expires_at_us": token.expires_at_us,
    }


__all__ = ["LOOPBACK", "Door", "Visitor"]
