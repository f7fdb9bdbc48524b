"""The audit log: who did what, append-only, hash-chained, with signed checkpoints kept in a second place.

See `sluis.wire.chain` for the chain and the checkpoint's text. A checkpoint is written every hour and at shutdown, to
the database and to a file beside the logs: cutting off the log's end is visible only because of these.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from sluis.model import Actor, AuditEntry, AuditVerdict, StoreError
from sluis.runtime import Clock
from sluis.store.audit_check import Check
from sluis.store.database import Database
from sluis.store.signing import SigningKey
from sluis.wire.chain import GENESIS, Checkpoint, Frontier, canonical, link

log = logging.getLogger(__name__)

CHECKPOINT_S = 3600.0
"""At most this much of the log's end can be cut off unseen. Shorter costs a write to the card each time."""

TEXT_MAX = 500
"""Characters of one text in an entry: hostile input must not make the log large."""

DETAIL_MAX = 20_000
"""Bytes of an entry's detail; larger is replaced by a note that it was."""

PAGE = 2_000
"""Rows fetched at once while checking: bounds memory, whatever the log's length."""


class AuditLog:
    """Records, lists and checks. `pki` holds the signing key, `checkpoints` is the file of signed notes."""

    def __init__(
        self, database: Database, clock: Clock, pki: Path, checkpoints: Path, origin: str = "sluis/audit"
    ) -> None:
        self._database = database
        self._clock = clock
        self._key = SigningKey.load_or_make(pki / "audit.key")
        self._file = checkpoints
        self._origin = origin
        self._boot = uuid4().hex[:8]
        self._frontier: Frontier | None = None

    async def record(
        self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] | None = None, *, reason: str = ""
    ) -> None:
        """Write one entry; durable when this returns. `detail` is JSON and must hold no secret."""
        stamp = self._clock.stamp()
        entry: dict[str, Any] = {
            "at_us": stamp.at_us,
            "mono_us": stamp.mono_us,
            "trusted": stamp.trusted,
            "boot": self._boot,
            "actor": tidy(actor.label),
            "origin": tidy(actor.origin),
            "action": tidy(action),
            "object": tidy(object),
            "detail": _bounded(detail or {}),
            "reason": tidy(reason),
        }
        await self._database.write(lambda db: _append(db, entry))

    async def entries(
        self, limit: int, before: int | None = None, *, actor: str = "", action: str = "", object: str = ""
    ) -> list[AuditEntry]:
        """Newest first, older than `before`. `action` may be a noun (`device`) for all its verbs."""
        sql = (
            "SELECT seq, body, digest FROM audit WHERE (?1 IS NULL OR seq < ?1) AND (?2 = '' OR actor = ?2) "
            "AND (?3 = '' OR action = ?3 OR substr(action, 1, length(?3) + 1) = ?3 || '.') "
            "AND (?4 = '' OR object = ?4) ORDER BY seq DESC LIMIT ?5"
        )
        values = (before, actor, action, object, limit)
        rows = await self._database.read(lambda db: db.execute(sql, values).fetchall())
        return [_entry(row) for row in rows]

    async def latest(self, action: str) -> dict[str, AuditEntry]:
        """The newest entry of an action for each object it was done to."""
        sql = (
            "SELECT seq, body, digest FROM audit "
            "WHERE seq IN (SELECT max(seq) FROM audit WHERE action = ? GROUP BY object)"
        )
        rows = await self._database.read(lambda db: db.execute(sql, (action,)).fetchall())
        return {entry.object: entry for entry in map(_entry, rows)}

    async def checkpoint(self) -> str | None:
        """Sign what the log is now; the signed note, or None when nothing was added since the last one."""
        made = await self._database.read(self._measure)
        if made is None:
            return None
        note = self._key.sign(made)

        def keep(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR IGNORE INTO audit_checkpoints VALUES (?, ?)", (made.size, note))

        await self._database.write(keep)
        _append_file(self._file, note)
        return note

    async def run(self) -> None:
        """A checkpoint at start (a crash left none), every hour, and at the end."""
        try:
            while True:
                await self._try_checkpoint()
                await self._clock.sleep(CHECKPOINT_S)
        finally:
            await self._try_checkpoint()

    async def _try_checkpoint(self) -> None:
        """A full disk must not end the gateway; the next hour's checkpoint covers this one's entries as well."""
        try:
            await self.checkpoint()
        except (StoreError, OSError) as error:
            log.warning("no audit checkpoint: %s", error)

    async def verify(self) -> AuditVerdict:
        """Read the whole log and hold it against the chain and every checkpoint."""
        return await self._database.read(self._verify)

    def _verify(self, db: sqlite3.Connection) -> AuditVerdict:
        notes = [row["note"] for row in db.execute("SELECT note FROM audit_checkpoints ORDER BY size")]
        check = Check(self._key, notes, self._file)
        for row in _all_rows(db):
            check.row(row["seq"], row["body"].encode(), row["before"], row["digest"])
        return check.verdict()

    def _measure(self, db: sqlite3.Connection) -> Checkpoint | None:
        """Bring the tree up to date (only new rows are read) and say what the log is."""
        latest = db.execute("SELECT max(size) FROM audit_checkpoints").fetchone()[0]
        frontier = self._frontier or Frontier()
        head = GENESIS
        for row in _all_rows(db, frontier.size):
            frontier.add(row["body"].encode())
        self._frontier = frontier
        last = db.execute("SELECT digest FROM audit WHERE seq = ?", (frontier.size,)).fetchone()
        if frontier.size == 0 or last is None or latest == frontier.size:
            return None
        head = last["digest"]
        return Checkpoint(self._origin, frontier.size, frontier.root(), head, self._clock.stamp().at_us)


def _append(db: sqlite3.Connection, entry: dict[str, Any]) -> None:
    last = db.execute("SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, before = (last["seq"] + 1, last["digest"]) if last else (1, GENESIS)
    body = canonical({**entry, "seq": seq})
    values = (seq, body.decode(), before, link(before, body))
    db.execute("INSERT INTO audit (seq, body, before, digest) VALUES (?, ?, ?, ?)", values)


def _all_rows(db: sqlite3.Connection, after: int | None = None) -> Iterator[sqlite3.Row]:
    """Rows in order, a page at a time, so that a long check holds no read transaction against the checkpointer."""
    last = -(2**63) if after is None else after
    while True:
        sql = "SELECT seq, body, before, digest FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
        rows = db.execute(sql, (last, PAGE)).fetchall()
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1]["seq"]


def _entry(row: sqlite3.Row) -> AuditEntry:
    body = json.loads(row["body"])
    return AuditEntry(
        row["seq"],
        body["at_us"],
        body["mono_us"],
        body["trusted"],
        body["boot"],
        body["actor"],
        body["origin"],
        body["action"],
        body["object"],
        body["detail"],
        body["reason"],
        row["digest"].hex(),
    )


def tidy(text: str) -> str:
    """Text that every database and terminal can hold: bounded, no lone surrogates, no NUL."""
    return text[:TEXT_MAX].encode("utf-8", "replace").decode().replace("\0", "�")


def _bounded(detail: Mapping[str, Any]) -> Any:
    tidied = _tidied(detail)
    size = len(canonical(tidied))
    return tidied if size <= DETAIL_MAX else {"omitted": f"{size} bytes of detail"}


def _tidied(value: Any) -> Any:
    """JSON that is safe to keep: bounded texts, no NaN, anything unknown as its text."""
    if isinstance(value, Mapping):
        return {tidy(str(key)): _tidied(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tidied(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    return tidy(str(value))


def _append_file(path: Path, note: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(handle, (note + "\n").encode())
        os.fsync(handle)
    finally:
        os.close(handle)
