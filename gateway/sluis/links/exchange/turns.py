"""Whose turn it is on a wire that carries one question at a time: a person's command before a poll, and no device
before another that has waited since an earlier turn.

Theory of operation. Each address has a queue; the address that was served longest ago goes first. A device that does
not answer costs its time-out at every question, so after `DEAD_AFTER` of them its polls rest for `REST` times as long
as its silence took: it can eat a tenth of the wire, never more. Commands do not rest: whoever gives one wants to know.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sluis.model import LinkError

DEAD_AFTER = 2
"""Questions in a row without an answer that make a device one that rests. One is noise; with more, a dead device at the
start of a day holds up 31 others for longer than a person waits."""

REST = 9
"""How many times the span of its silence a dead device rests. 9 leaves nine tenths of the wire to the others; larger
and a device that comes back is noticed late."""

REST_CAP_S = 15.0
"""Longest rest. A slow device with a time-out of five seconds would otherwise rest longer than a poll waits."""


@dataclass
class _Address:
    waiting: deque[tuple[bool, asyncio.Future[None]]] = field(default_factory=deque)
    """(urgent, its turn has come)"""
    served: int = 0
    misses: int = 0
    rests_until: float = 0.0


class Turns:
    """The queue before one wire."""

    def __init__(self) -> None:
        self.refused = 0
        """Questions that waited too long for their turn."""
        self._addresses: dict[str, _Address] = {}
        self._count = itertools.count(1)
        self.busy = False
        """Somebody has the wire."""
        self._alarm: asyncio.TimerHandle | None = None

    def keep(self, addresses: Iterable[str]) -> None:
        """Forget what is known of all others that nobody waits for."""
        kept = frozenset(addresses)
        for address, held in tuple(self._addresses.items()):
            if address not in kept and not held.waiting:
                del self._addresses[address]

    @property
    def waiting(self) -> int:
        return sum(len(one.waiting) for one in self._addresses.values())

    def misses(self, address: str) -> int:
        """Questions in a row that this address did not answer."""
        held = self._addresses.get(address)
        return held.misses if held else 0

    @asynccontextmanager
    async def turn(self, address: str, *, urgent: bool, within_s: float) -> AsyncIterator[None]:
        """The wire, for one question to `address`. LinkError when its turn does not come within `within_s`."""
        held = self._addresses.setdefault(address, _Address())
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (urgent, mine)
        held.waiting.append(entry)
        self._next()
        try:
            async with asyncio.timeout(within_s):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled():
                self.busy = False  # the turn came and the asker left in the same moment
            elif entry in held.waiting:
                held.waiting.remove(entry)
            self._next()
            if isinstance(error, TimeoutError):
                self.refused += 1
                raise LinkError(f"{address}: its turn on the wire did not come within {within_s:g} s") from None
            raise
        try:
            yield
        finally:
            self.busy = False
            self._next()

    def answered(self, address: str) -> None:
        held = self._addresses.setdefault(address, _Address())
        held.misses, held.rests_until = 0, 0.0

    def missed(self, address: str, took_s: float) -> None:
        """No answer, which cost the wire `took_s`. Where an address has the wire to itself nobody gains by a rest."""
        held = self._addresses.setdefault(address, _Address())
        held.misses += 1
        if held.misses >= DEAD_AFTER and len(self._addresses) > 1:
            held.rests_until = asyncio.get_running_loop().time() + min(REST_CAP_S, REST * took_s)

    def _next(self) -> None:
        """Give the wire to whoever is next, when it is free."""
        if self.busy:
            return
        now = asyncio.get_running_loop().time()
        waiting = [one for one in self._addresses.values() if one.waiting]
        ready = [one for one in waiting if one.rests_until <= now or _urgent(one)]
        if not ready:
            self._wake_at(min((one.rests_until for one in waiting), default=None))
            return
        chosen = min(ready, key=lambda one: (not _urgent(one), one.served))
        entry = next((one for one in chosen.waiting if one[0]), chosen.waiting[0])
        chosen.waiting.remove(entry)
        chosen.served = next(self._count)
        if entry[1].done():
            self._next()
            return
        self.busy = True
        entry[1].set_result(None)

    def _wake_at(self, at: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if at is None else asyncio.get_running_loop().call_at(at, self._next)


def _urgent(address: _Address) -> bool:
    return any(urgent for urgent, _ in address.waiting)
