"""So many at once, and who comes first when there are none left: what somebody wants now before what can wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sluis.runtime.patience import patient


class Slots:
    """`count` slots."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self._queue: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._turn = 0

    @property
    def awaited(self) -> int:
        """How many wait for one."""
        return sum(not turn.done() for _, _, turn in self._queue)

    async def take(self) -> None:
        """Wait for a slot: polls after commands, else in order."""
        if self.free and not self.awaited:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turn += 1
        heapq.heappush(self._queue, (patient.get(), self._turn, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Give one back: to who waits, if somebody does."""
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        await self.take()
        try:
            yield
        finally:
            self.give()
