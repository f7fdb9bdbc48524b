"""The one thread that writes: group commit, and what happens when the disk is full.

Theory of operation. Two kinds of work come in. *Pieces* are functions that get the connection; each runs in its own
savepoint, so that one that fails harms no other. *Appends* go to a lane, which gets all of a group at once and
inserts them with few statements: every statement gives the interpreter lock away and has to get it back from a
busy event loop, which costs far more than the insert. One transaction holds the whole group, one commit makes it
durable, and only then the callers go on.

Appends alone may wait for company (`interval_s`), because each commit wears the card; a piece never waits, and takes
the waiting appends along.

When the medium refuses (full, read-only, failing), nothing is acknowledged and nothing is thrown away: the appends are
held and tried again every second, the reserve file is given up, and pieces (alerts, audit, retention) go on in the
room that it leaves. Once there is room for the reserve again the held appends are written, in order. Only a damaged
file ends this: every later call fails with StoreDamaged.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sluis.model import StoreError
from sluis.store.faults import StoreDamaged, StoreFull, is_damage, is_medium, primary, translated
from sluis.store.meter import DAY_S, Meter
from sluis.store.reserve import Reserve

log = logging.getLogger(__name__)

GROUP = 500
"""Pieces and appends in one transaction at most. Smaller and a burst pays more fsyncs; larger and the first
caller of a burst waits longer for its acknowledgement."""

RETRY_S = 1.0
"""Between two tries while the medium refuses."""

VACUUM_PAGES = 128
"""Pages given back to the disk at once when it is full: half a megabyte, which the log needs as room beforehand. More
and there may be no room to make room; fewer and it takes longer."""

VACUUM_STEPS = 64
"""How often in a row, before the writer looks at what else waits: 32 MB, some seconds on a card."""

Piece = Callable[[sqlite3.Connection], Any]


class Lane(Protocol):
    """Takes all appends of a group at once."""

    name: str

    def insert(self, connection: sqlite3.Connection, payloads: Sequence[Any]) -> Sequence[Any]:
        """One result per payload. May be called again with the same payloads after a rollback."""

    def committed(self, payloads: Sequence[Any], results: Sequence[Any]) -> None:
        """Called in the writer after the commit, before the callers hear of it."""


class Condition(StrEnum):
    """What the medium lets us do."""

    OK = "ok"
    FULL = "full"
    FAILING = "failing"
    DAMAGED = "damaged"


class _Entry(NamedTuple):
    lane: Lane | None
    load: Any
    """A payload for the lane, or a Piece."""
    future: Future[Any]


_Outcome = tuple[_Entry, Any, BaseException | None]


class Writer:
    """Owns the writing connection from `start` to `close`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: Reserve, interval_s: float) -> None:
        self.interval_s = interval_s
        self.condition = Condition.OK
        self.reason = ""
        self.meter = Meter()
        self.commits = 0
        self.on_condition: Callable[[Condition, str], None] = lambda condition, reason: None
        """Told of every change of condition, in the writer's thread."""
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        """Set when something waits that is not to wait for the interval."""
        self._eager_until = 0.0
        self._held: list[_Entry] = []
        self._portion = GROUP
        self._tried = 0.0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    @property
    def waiting(self) -> int:
        """Pieces and appends not yet committed."""
        return self._queue.qsize() + len(self._held)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what is waiting, then stop. Safe to call twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._hurry.set()
            self._thread.join()

    def submit(self, lane: Lane | None, load: Any) -> Future[Any]:
        """Queue an append (with its lane) or a piece (without). StoreError at once after `close`."""
        future: Future[Any] = Future()
        if self._ending:
            future.set_exception(StoreError("the store is closed"))
        else:
            self._queue.put(_Entry(lane, load, future))
            if lane is None:
                self._hurry.set()
        return future

    def hasten(self, for_s: float) -> None:
        """Commit what waits at once, and do not wait for the interval with what comes within `for_s`: whoever handed
        it over is gone and cannot do so again. From any thread."""
        self._eager_until = time.monotonic() + for_s
        self._hurry.set()

    # -- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._reserve.make()
        while not self._ending:
            group = self._collect()
            if group:
                self._commit(group)
            if self._troubled and time.monotonic() - self._tried >= RETRY_S:
                self._try_again()
        while rest := self._collect():
            self._commit(rest)
        if self._held:
            self._try_again()
        self._fail(self._held, StoreFull("the gateway stopped before there was room on the disk"))
        self.meter.close()

    def _collect(self) -> list[_Entry]:
        """Block for the first entry (not for ever while in trouble), then take what may go with it."""
        first = self._take(RETRY_S if self._troubled else None)
        if first is None:
            return []
        group = [first]
        if first.lane is not None and self._queue.qsize() < GROUP and time.monotonic() > self._eager_until:
            # Asleep for the whole interval: waking for each append would cost more than the append.
            self._hurry.wait(self.interval_s)
        self._hurry.clear()
        while len(group) < GROUP:
            entry = self._take(0.0)
            if entry is None:
                break
            group.append(entry)
        # From here a caller can no longer cancel: a cancelled future would end this thread later.
        return [entry for entry in group if entry.future.set_running_or_notify_cancel()]

    def _take(self, wait_s: float | None) -> _Entry | None:
        try:
            entry = self._queue.get(timeout=0.0 if self._ending else wait_s)
        except queue.Empty:
            return None
        if entry is None:
            self._ending = True
        return entry

    def _commit(self, group: list[_Entry]) -> None:
        appends = [entry for entry in group if entry.lane is not None]
        pieces = [entry for entry in group if entry.lane is None]
        if self.condition is Condition.DAMAGED:
            self._fail(group, StoreDamaged(f"{self._path}: {self.reason}"))
        elif self._troubled:
            self._held += appends
            self._commit_pieces(pieces)
        else:
            try:
                self._transact(appends, pieces)
            except sqlite3.Error as error:
                self._held = appends
                self._refused(error)
                self._commit_pieces(pieces)

    @property
    def _troubled(self) -> bool:
        return bool(self._held) or self.condition in (Condition.FULL, Condition.FAILING)

    def _commit_pieces(self, pieces: list[_Entry]) -> None:
        if not pieces:
            return
        try:
            self._transact([], pieces)
        except sqlite3.Error as error:
            self._fail(pieces, translated(error, self._path, "write"))
            self._refused(error)

    def _try_again(self) -> None:
        self._tried = time.monotonic()
        if self.condition is Condition.FULL:
            self._make_room()
        if self.condition is Condition.FULL and not self._reserve.room_again():
            return
        try:
            while self._held:
                self._transact(self._held[: self._portion], [])
                del self._held[: self._portion]
        except sqlite3.Error as error:
            self._portion = max(1, self._portion // 4)  # what does not fit as one commit may fit as several
            self._refused(error)
            return
        self._portion = GROUP
        self._reserve.make()
        self._become(Condition.OK, "")

    # -- one transaction ----------------------------------------------------------------------------------

    def _transact(self, appends: list[_Entry], pieces: list[_Entry]) -> None:
        """Run and commit, then tell the callers. sqlite3.Error when the medium refuses: nothing happened then."""
        rows: defaultdict[str, int] = defaultdict(int)
        before = self.meter.mark()
        outcomes: list[_Outcome] = []
        lanes: dict[Lane, list[_Entry]] = {}
        for entry in appends:
            assert entry.lane is not None
            lanes.setdefault(entry.lane, []).append(entry)
        done: list[tuple[Lane, list[Any], Sequence[Any]]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for lane, entries in lanes.items():
                changes = self._connection.total_changes
                payloads = [entry.load for entry in entries]
                results, error = self._insert(lane, payloads)
                if error is None:
                    done.append((lane, payloads, results))
                outcomes += [(entry, result, error) for entry, result in zip(entries, results, strict=True)]
                rows[lane.name] += self._connection.total_changes - changes
            for entry in pieces:
                changes = self._connection.total_changes
                outcomes.append(self._piece(entry))
                rows[_subsystem(entry.load)] += self._connection.total_changes - changes
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            self.meter.add(int(time.time() // DAY_S), self.meter.mark() - before, rows or {"other": 1})
        self.commits += 1
        for lane, payloads, results in done:
            lane.committed(payloads, results)
        for outcome in outcomes:
            _resolve(*outcome)

    def _insert(self, lane: Lane, payloads: list[Any]) -> tuple[Sequence[Any], Exception | None]:
        self._connection.execute("SAVEPOINT lane")
        error = None
        try:
            results = lane.insert(self._connection, payloads)
        except Exception as raised:  # a fault of ours must not end the thread that everybody waits for
            if is_medium(raised):
                raise
            log.exception("%d appends of %s cannot be stored", len(payloads), lane.name)
            self._connection.execute("ROLLBACK TO lane")
            results, error = [None] * len(payloads), raised
        self._connection.execute("RELEASE lane")
        return results, error

    def _piece(self, entry: _Entry) -> _Outcome:
        connection = self._connection
        connection.execute("SAVEPOINT piece")
        try:
            result = entry.load(connection)
        except Exception as error:
            if is_medium(error):
                raise
            connection.execute("ROLLBACK TO piece")
            connection.execute("RELEASE piece")
            return entry, None, error
        connection.execute("RELEASE piece")
        return entry, result, None

    # -- trouble ------------------------------------------------------------------------------------------

    def _refused(self, error: sqlite3.Error) -> None:
        if is_damage(error):
            self._become(Condition.DAMAGED, str(error))
            held, self._held = self._held, []
            self._fail(held, translated(error, self._path, "write"))
        elif primary(error) == sqlite3.SQLITE_FULL or self._reserve.free() < self._reserve.size:
            self._reserve.release()
            self._become(Condition.FULL, str(error))
            self._make_room()
        else:
            self._become(Condition.FAILING, str(error))

    def _become(self, condition: Condition, reason: str) -> None:
        if condition is self.condition or self.condition is Condition.DAMAGED:
            return
        self.condition, self.reason = condition, reason
        self.on_condition(condition, reason)

    def _make_room(self) -> None:
        """Give back what the database itself holds free, a little at a time: each page that is given back is first
        written to the log, and the log has to find room on the same full disk."""
        with contextlib.suppress(sqlite3.Error):
            self._truncate_log()
            for _ in range(VACUUM_STEPS):
                if self._reserve.room_again() or not self._connection.execute("PRAGMA freelist_count").fetchone()[0]:
                    return
                # executescript: Python steps a statement without columns only once, which frees one page.
                self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES});")
                self._truncate_log()

    def _truncate_log(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _fail(self, entries: list[_Entry], failure: StoreError) -> None:
        for entry in entries:
            _resolve(entry, None, failure)


def _resolve(entry: _Entry, result: Any, error: BaseException | None) -> None:
    if error is None:
        entry.future.set_result(result)
    else:
        entry.future.set_exception(error)


def _subsystem(piece: Piece) -> str:
    """The noun whose module made this piece: `audit`, `alerts`, ..."""
    function = getattr(piece, "func", piece)  # of a functools.partial
    return str(getattr(function, "__module__", "") or "other").rpartition(".")[2]
