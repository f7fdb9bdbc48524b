"""What stations say by themselves on each new connection: a projector's "PJLINK 1 ...", a prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sluis.model import Frame, LinkError


class Greetings:
    """By station; all futures of one connection."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Future[Frame]] = {}

    def expect(self, sources: Iterable[str]) -> None:
        """There is a fresh connection on which these will greet."""
        loop = asyncio.get_running_loop()
        self._held = {source: loop.create_future() for source in sources}

    def expects(self, source: str) -> bool:
        return source in self._held

    def awaits(self, source: str) -> asyncio.Future[Frame] | None:
        """Where its greeting goes; None when it has greeted, or does not."""
        held = self._held.get(source)
        return held if held is not None and not held.done() else None

    async def of(self, source: str, within_s: float) -> Frame:
        """What it said, also when that was long ago. LinkError when it says nothing, or the connection is lost."""
        greeting = self._held.setdefault(source, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(greeting)
        except TimeoutError:
            raise LinkError(f"{source}: no greeting within {within_s:g} s") from None

    def lost(self, reason: str) -> None:
        for greeting in self._held.values():
            if not greeting.done():
                greeting.set_exception(LinkError(reason))
                greeting.exception()  # nobody may be waiting
        self._held = {}
