"""One SQLite file, one writer thread, group commit.

Theory of operation. All writes go through one thread. It takes whatever is waiting, runs it in one
transaction, commits once (WAL, synchronous=FULL: the commit is on the medium when it returns) and only then
lets the waiting callers go on. So "await write(...)" returning means "it survives a power cut", and a burst
pays one fsync for many writes. A piece of work that raises rolls back to its own savepoint and harms no
other. Reads run on their own connections in a small pool and never wait for the writer.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sluis.model import StoreError
from sluis.store.migrations import migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

GROUP = 500
"""Pieces of work in one transaction at most. Smaller and a burst pays more fsyncs; larger and the first caller
of a burst waits longer for its acknowledgement."""

READERS = 3


class Database:
    """Opens (and migrates) the file at once; the writer runs from `start` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._connection = connect(path)
        migrate(self._connection)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what is waiting, then stop. Safe to call twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._readers.shutdown()
        self._connection.close()

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work` for the writer; the future resolves after its commit."""
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer; durable when this returns. StoreError when the medium fails."""
        return await asyncio.wrap_future(self.submit(work))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read connection, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def read_now(self, work: Work[T]) -> T:
        """Run `work` on a read connection and wait: at start only, never on the event loop while serving."""
        return self._readers.submit(self._read, work).result()

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, read_only=True)
        return work(connection)

    def _run(self) -> None:
        while True:
            entry = self._queue.get()
            group = []
            while entry is not None:
                # From here the caller can no longer cancel it: a cancelled future would end this thread later.
                if entry[1].set_running_or_notify_cancel():
                    group.append(entry)
                if len(group) >= GROUP:
                    break
                try:
                    entry = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._commit(group)
            if entry is None:
                return

    def _commit(self, group: list[tuple[Work[Any], Future[Any]]]) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work, future in group:
                self._connection.execute("SAVEPOINT piece")
                try:
                    results.append((future, work(self._connection), None))
                    self._connection.execute("RELEASE piece")
                except Exception as error:
                    self._connection.execute("ROLLBACK TO piece")
                    self._connection.execute("RELEASE piece")
                    results.append((future, None, error))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failure = StoreError(f"cannot write {self.path}: {error}")
            results = [(future, None, failure) for _, future in group]
        for future, result, failed in results:
            if failed is None:
                future.set_result(result)
            else:
                future.set_exception(failed)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with our pragmas. Autocommit: transactions are explicit."""
    uri = f"{path.resolve().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    return connection
