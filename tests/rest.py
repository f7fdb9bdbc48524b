"""Waiting until nothing more happens by itself: for tests whose clock is moved by hand while a real database answers
from real threads. With `ManualClock(..., rest=...)` time stands still while a thread works, as on an infinitely fast
machine, so that what a test sees does not depend on the speed of this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sluis.store.database import Database, Work

T = TypeVar("T")


class CountingThreads(ThreadPoolExecutor):
    """A thread pool that knows how much of its work the event loop has not yet heard the end of."""

    under_way = 0

    def submit(self, work: Callable[..., Any], /, *args: Any, **others: Any) -> Future[Any]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return super().submit(work, *args, **others)
        self.under_way += 1
        told: Future[Any] = Future()

        def tell(done: Future[Any]) -> None:
            # First whoever waits for it, then the count: so nobody finds 0 while an answer is on its way to the loop.
            if told.set_running_or_notify_cancel():
                if error := done.exception():
                    told.set_exception(error)
                else:
                    told.set_result(done.result())
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._one_less)

        super().submit(work, *args, **others).add_done_callback(tell)
        return told

    def _one_less(self) -> None:
        self.under_way -= 1


class CountingDatabase(Database):
    """The real database, which knows how much of it is under way."""

    def __init__(self, *args: Any, **others: Any) -> None:
        super().__init__(*args, **others)
        self._readers.shutdown()
        self._readers: CountingThreads = CountingThreads(3, thread_name_prefix="store-reader")
        self._writes = 0

    @property
    def under_way(self) -> int:
        return self._writes + self._readers.under_way

    async def write(self, work: Work[T]) -> T:
        self._writes += 1
        try:
            return await super().write(work)
        finally:
            self._writes -= 1


def resting(database: CountingDatabase) -> Callable[[], Awaitable[None]]:
    """`rest` for a ManualClock: returns when the loop has nothing to run and no thread works for it: not for
    `database`, and not by `asyncio.to_thread`. Fails after a minute."""
    threads = CountingThreads(4, thread_name_prefix="to-thread")
    asyncio.get_running_loop().set_default_executor(threads)

    async def rest() -> None:
        loop, deadline = asyncio.get_running_loop(), time.monotonic() + 60
        while True:
            # What is ready runs before a sleep of zero ends; what that makes ready stands in the queue when it has.
            await asyncio.sleep(0)
            working = database.under_way or threads.under_way
            if not loop._ready and not working:  # type: ignore[attr-defined]
                return
            assert time.monotonic() < deadline, "something never ends"
            if working:
                await asyncio.sleep(0.001)

    return rest
