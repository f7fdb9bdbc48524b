"""Users, sessions, API tokens and failed tries, as rows."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from sluis.model import AlreadyThere, ApiToken, LastAdmin, NotFound, Role, Session, User
from sluis.store.database import Database

KEEP_FAILURES_US = 86_400_000_000
"""A subject that did nothing wrong for a day is forgotten; longer and addresses pile up."""

FAILURES_KEPT = 10_000
"""Subjects remembered at most. An attacker who invents names for ever fills this, not the disk."""

SESSIONS_PER_USER = 50
"""Sessions of one user at most; the one used longest ago ends first."""


class Accounts:
    """The accounts of a gateway. Knows no policy but one: an admin who can sign in is always left."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- users --------------------------------------------------------------------------------------------

    async def users(self) -> list[User]:
        """All users by name."""
        rows = await self._database.read(lambda db: db.execute("SELECT * FROM users ORDER BY name").fetchall())
        return [_user(row) for row in rows]

    async def credential(self, name: str) -> tuple[User, str] | None:
        """A user with their password's hash."""
        row = await self._one("SELECT * FROM users WHERE name = ?", name)
        return (_user(row), row["password_hash"]) if row else None

    async def add_user(self, user: User, password_hash: str) -> None:
        """AlreadyThere when the name is taken."""

        def add(db: sqlite3.Connection) -> None:
            columns = "name, role, areas, full_name, email, language, disabled, created_at_us, password_hash"
            values = (user.name, *_changeable(user), user.created_at_us, password_hash)
            _insert(db, f"INSERT INTO users ({columns}) VALUES (?,?,?,?,?,?,?,?,?)", values, user.name)  # noqa: S608

        await self._database.write(add)

    async def change_user(self, user: User) -> None:
        """Write what may change. NotFound, LastAdmin."""

        def change(db: sqlite3.Connection) -> None:
            done = db.execute(
                "UPDATE users SET role=?, areas=?, full_name=?, email=?, language=?, disabled=? WHERE name=?",
                (*_changeable(user), user.name),
            )
            _must_have_changed(done, f"user {user.name!r}")
            _an_admin_is_left(db)

        await self._database.write(change)

    async def set_password(self, name: str, password_hash: str) -> None:
        def change(db: sqlite3.Connection) -> None:
            done = db.execute("UPDATE users SET password_hash=? WHERE name=?", (password_hash, name))
            _must_have_changed(done, f"user {name!r}")

        await self._database.write(change)

    async def remove_user(self, name: str) -> None:
        """NotFound, LastAdmin. The sessions go with the user."""

        def remove(db: sqlite3.Connection) -> None:
            _must_have_changed(db.execute("DELETE FROM users WHERE name=?", (name,)), f"user {name!r}")
            _an_admin_is_left(db)

        await self._database.write(remove)

    async def signed_in(self, name: str, at_us: int) -> None:
        await self._do("UPDATE users SET signed_in_at_us=? WHERE name=?", at_us, name)

    # -- sessions -----------------------------------------------------------------------------------------

    async def add_session(self, digest: bytes, session: Session) -> Session:
        """The session with its id. Sessions past their end go, and the oldest ones over the limit."""

        def add(db: sqlite3.Connection) -> Session:
            db.execute("DELETE FROM sessions WHERE expires_at_us < ?", (session.created_at_us,))
            made = db.execute(
                "INSERT INTO sessions (digest, user_id, created_at_us, seen_at_us, expires_at_us, origin, agent) "
                "SELECT ?, id, ?, ?, ?, ?, ? FROM users WHERE name=?",
                (
                    digest,
                    session.created_at_us,
                    session.seen_at_us,
                    session.expires_at_us,
                    session.origin,
                    session.agent,
                    session.user,
                ),
            )
            _must_have_changed(made, f"user {session.user!r}")
            db.execute(
                "DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id "
                "WHERE u.name = ? ORDER BY s.seen_at_us DESC, s.id DESC LIMIT -1 OFFSET ?)",
                (session.user, SESSIONS_PER_USER),
            )
            row = db.execute(f"{_SESSIONS} WHERE digest=?", (digest,)).fetchone()
            return _session(row)

        return await self._database.write(add)

    async def session(self, digest: bytes) -> tuple[Session, User] | None:
        def look(db: sqlite3.Connection) -> tuple[Session, User] | None:
            row = db.execute(f"{_SESSIONS} WHERE digest=?", (digest,)).fetchone()
            if row is None:
                return None
            return _session(row), _user(db.execute("SELECT * FROM users WHERE name=?", (row["user"],)).fetchone())

        return await self._database.read(look)

    async def sessions(self, user: str = "") -> list[Session]:
        """All sessions (of one user), latest used first."""
        sql = f"{_SESSIONS} WHERE ?1 = '' OR u.name = ?1 ORDER BY seen_at_us DESC, s.id DESC"
        rows = await self._database.read(lambda db: db.execute(sql, (user,)).fetchall())
        return [_session(row) for row in rows]

    async def touch_session(self, session_id: int, at_us: int) -> None:
        await self._do("UPDATE sessions SET seen_at_us=? WHERE id=?", at_us, session_id)

    async def end_session(self, session_id: int) -> None:
        await self._do("DELETE FROM sessions WHERE id=?", session_id)

    async def end_sessions(self, user: str, but: int | None = None) -> None:
        """End all of a user's sessions, except one."""
        sql = "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name=?) AND id IS NOT ?"
        await self._do(sql, user, but)

    # -- tokens -------------------------------------------------------------------------------------------

    async def add_token(self, digest: bytes, token: ApiToken) -> None:
        """AlreadyThere when the name is taken."""

        def add(db: sqlite3.Connection) -> None:
            values = (
                token.name,
                digest,
                int(token.role),
                _packed(token.areas),
                _packed(token.nouns),
                token.created_at_us,
                token.created_by,
                token.expires_at_us,
            )
            columns = "name, digest, role, areas, nouns, created_at_us, created_by, expires_at_us"
            _insert(db, f"INSERT INTO tokens ({columns}) VALUES (?,?,?,?,?,?,?,?)", values, token.name)  # noqa: S608

        await self._database.write(add)

    async def token(self, digest: bytes) -> ApiToken | None:
        row = await self._one("SELECT * FROM tokens WHERE digest=?", digest)
        return _token(row) if row else None

    async def tokens(self) -> list[ApiToken]:
        rows = await self._database.read(lambda db: db.execute("SELECT * FROM tokens ORDER BY name").fetchall())
        return [_token(row) for row in rows]

    async def touch_token(self, name: str, at_us: int) -> None:
        await self._do("UPDATE tokens SET used_at_us=? WHERE name=?", at_us, name)

    async def remove_token(self, name: str) -> None:
        def remove(db: sqlite3.Connection) -> None:
            _must_have_changed(db.execute("DELETE FROM tokens WHERE name=?", (name,)), f"token {name!r}")

        await self._database.write(remove)

    # -- failed tries -------------------------------------------------------------------------------------

    async def tries(self, subject: str) -> tuple[int, int]:
        """(failures in a row, blocked until)."""
        row = await self._one("SELECT failures, blocked_until_us FROM sign_in_failures WHERE subject=?", subject)
        return (row["failures"], row["blocked_until_us"]) if row else (0, 0)

    async def count_failure(self, subject: str, at_us: int, blocked_until_us: int) -> None:
        def count(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM sign_in_failures WHERE last_at_us < ?", (at_us - KEEP_FAILURES_US,))
            db.execute(
                "INSERT INTO sign_in_failures VALUES (?1, 1, ?2, ?3) ON CONFLICT (subject) DO UPDATE "
                "SET failures = failures + 1, last_at_us = ?2, blocked_until_us = ?3",
                (subject, at_us, blocked_until_us),
            )
            db.execute(
                "DELETE FROM sign_in_failures WHERE subject IN "
                "(SELECT subject FROM sign_in_failures ORDER BY last_at_us DESC LIMIT -1 OFFSET ?)",
                (FAILURES_KEPT,),
            )

        await self._database.write(count)

    async def clear_failures(self, subject: str) -> None:
        if await self.tries(subject) != (0, 0):
            await self._do("DELETE FROM sign_in_failures WHERE subject=?", subject)

    # -- plumbing -----------------------------------------------------------------------------------------

    async def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = await self._database.read(lambda db: db.execute(sql, values).fetchone())
        return row

    async def _do(self, sql: str, *values: Any) -> None:
        await self._database.write(lambda db: db.execute(sql, values).rowcount)


_SESSIONS = "SELECT s.*, u.name AS user FROM sessions s JOIN users u ON u.id = s.user_id"


def _insert(db: sqlite3.Connection, sql: str, values: tuple[Any, ...], name: str) -> None:
    try:
        db.execute(sql, values)
    except sqlite3.IntegrityError as error:
        raise AlreadyThere(f"the name {name!r} is taken") from error


def _must_have_changed(done: sqlite3.Cursor, what: str) -> None:
    if done.rowcount == 0:
        raise NotFound(f"there is no {what}")


def _an_admin_is_left(db: sqlite3.Connection) -> None:
    """An admin with rights in all areas, not disabled. Raising rolls the change back."""
    sql = "SELECT 1 FROM users WHERE role = ? AND disabled = 0 AND areas IS NULL LIMIT 1"
    if db.execute(sql, (int(Role.ADMIN),)).fetchone() is None:
        raise LastAdmin


def _packed(names: frozenset[str] | None) -> str | None:
    return None if names is None else json.dumps(sorted(names))


def _unpacked(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))


def _changeable(user: User) -> tuple[Any, ...]:
    return int(user.role), _packed(user.areas), user.full_name, user.email, user.language, int(user.disabled)


def _user(row: sqlite3.Row) -> User:
    return User(
        row["name"],
        Role(row["role"]),
        _unpacked(row["areas"]),
        row["full_name"],
        row["email"],
        row["language"],
        bool(row["disabled"]),
        row["created_at_us"],
        row["signed_in_at_us"],
    )


def _session(row: sqlite3.Row) -> Session:
    names = ("id", "user", "created_at_us", "seen_at_us", "expires_at_us", "origin", "agent")
    return Session(*(row[name] for name in names))


def _token(row: sqlite3.Row) -> ApiToken:
    return ApiToken(
        row["name"],
        Role(row["role"]),
        _unpacked(row["areas"]),
        _unpacked(row["nouns"]) or frozenset(),
        row["created_at_us"],
        row["created_by"],
        row["expires_at_us"],
        row["used_at_us"],
    )
