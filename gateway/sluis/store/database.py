"""One SQLite file: one writer thread, a few readers.

"await write(...)" returning means "it survives a power cut" (WAL, synchronous=FULL); see `sluis.store.writer` for how
a burst shares one commit and what happens when the disk is full. Reads run on their own connections in a small pool,
see one consistent state each, and never wait for the writer.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from sluis.model import StoreError
from sluis.store.connection import CHECKPOINT_PAGES, PAGE_BYTES, connect
from sluis.store.faults import translated
from sluis.store.migrations import migrate
from sluis.store.reserve import Reserve
from sluis.store.settings import StoreSettings
from sluis.store.writer import Lane, Writer

__all__ = ["Database", "connect"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

READERS = 3


class Database:
    """Opens (and migrates) the file at once; the writer runs from `start` to `close`.

    StoreDamaged or StoreNewer when the file cannot be used; StoreError when it cannot be opened.
    """

    def __init__(self, path: Path, settings: StoreSettings | None = None) -> None:
        self.path = path
        self.settings = settings or StoreSettings()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.reserve = Reserve(path.with_name(path.name + ".reserve"), int(self.settings.reserve_mb * 1e6))
        self._connection = _open(path)
        if self.reserve.size:
            # A checkpoint on a full disk needs the log's room a second time; it takes it from the reserve.
            pages = max(64, min(CHECKPOINT_PAGES, self.reserve.size // 2 // PAGE_BYTES))
            self._connection.execute(f"PRAGMA wal_autocheckpoint={pages}")
        self.writer = Writer(self._connection, path, self.reserve, self.settings.commit_interval_s)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    def start(self) -> None:
        self.writer.start()

    def close(self) -> None:
        """Write what is waiting, then stop. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.writer.close()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._connection.close()

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work` for the writer; the future resolves after its commit."""
        return self.writer.submit(None, work)

    def append(self, lane: Lane, payload: Any) -> Future[Any]:
        """Queue `payload` for `lane`; the future resolves after its commit. Waits as long as the disk is full."""
        return self.writer.submit(lane, payload)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer; durable when this returns. StoreError when the medium fails."""
        return await asyncio.wrap_future(self.submit(work))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read connection, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def read_now(self, work: Work[T]) -> T:
        """Run `work` on a read connection and wait: at start only, never on the event loop while serving."""
        return self._readers.submit(self._read, work).result()

    async def copy_to(self, path: Path) -> None:
        """A consistent copy of this moment, as a single file, without stopping the writer. StoreError."""
        await asyncio.get_running_loop().run_in_executor(self._readers, self._copy, path)

    def _read(self, work: Work[T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, read_only=True)
            self._opened.append(connection)
        if connection.in_transaction:  # a piece that began a snapshot and failed
            connection.execute("ROLLBACK")
        return work(connection)

    def _copy(self, path: Path) -> None:
        try:
            with closing(connect(self.path, read_only=True)) as source, closing(sqlite3.connect(path)) as target:
                # One step: one read transaction. In several steps every commit would make it begin again.
                source.backup(target, pages=-1)
                target.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise translated(error, path, "copy the database to") from error
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        raise translated(error, path, "open") from error
    try:
        migrate(connection)
    except StoreError:
        connection.close()
        raise
    return connection
