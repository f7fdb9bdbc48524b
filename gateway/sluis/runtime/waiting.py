"""Wait for something, but not longer than so many seconds of *our* clock (which a test moves by hand)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sluis.runtime.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, for_s: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. TimeoutError when it takes longer than `for_s`; it is cancelled then and has ended."""
    doing = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(clock.sleep(max(0.0, for_s)))
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise TimeoutError
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
