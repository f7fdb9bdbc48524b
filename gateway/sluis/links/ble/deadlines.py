"""Our own deadline round every call of the library.

Neither bleak nor D-Bus has one: a bluetoothd that does not answer is waited for for ever. And cancelling is no way out
by itself, because what bleak does on the way out (telling bluetoothd to disconnect) waits for the same daemon. So a
call that does not end when it is cancelled is left behind, counted, and at some number refused: nothing grows without
bound behind a dead daemon.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from sluis.links.ble.states import AdapterState, AdapterTrouble
from sluis.runtime import Clock

log = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_S = 2.0
"""How long a call may take to end once it was cancelled. The library's tidying takes some 0.1 s where the daemon is
well; longer and whoever stops the gateway waits for a dead daemon."""

ABANDONED_MAX = 20
"""Calls left behind at most. Each holds some kB and a D-Bus match; a well daemon ends them all within seconds."""


class Deadlines:
    """Of one adapter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._abandoned: set[asyncio.Task[Any]] = set()

    @property
    def abandoned(self) -> int:
        """Calls that did not end when they were told to, and have not yet."""
        return len(self._abandoned)

    async def within(self, for_s: float, call: Coroutine[Any, Any, T], what: str) -> T:
        """The result of `call`. AdapterTrouble when it takes longer than `for_s` or the daemon left too many behind."""
        if len(self._abandoned) >= ABANDONED_MAX:
            call.close()
            raise AdapterTrouble(AdapterState.DAEMON_SILENT, f"{len(self._abandoned)} requests are unanswered")
        doing = asyncio.ensure_future(call)
        waiting = asyncio.ensure_future(self._clock.sleep(for_s))
        try:
            await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
        finally:
            waiting.cancel()
            if not doing.done():
                await self._end(doing, what)
        raise AdapterTrouble(AdapterState.DAEMON_SILENT, f"{what}: no answer within {for_s:g} s")

    async def _end(self, doing: asyncio.Task[Any], what: str) -> None:
        doing.cancel()
        self._abandoned.add(doing)
        doing.add_done_callback(self._ended)
        await asyncio.wait((doing,), timeout=GRACE_S)
        if not doing.done():
            log.warning("%s: did not end when it was told to; left behind", what)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("a call that was left behind ended with %r", task.exception())
