"""One open live stream: what waits for it, and what it may see."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from sluis.panel.visitor import Visitor

BEHIND = 2_000
"""Items a listener may be behind before it gets a snapshot instead. Smaller and a burst costs every phone a
snapshot; larger and a dead connection holds megabytes until TCP gives up."""

WHOLE = "\0whole"
"""In `Item.device`: an alert about the gateway itself."""


class Item(NamedTuple):
    seq: int
    device: str
    """Key of the device it is about; "" for a link, `WHOLE` for what only those may hear who see all areas."""
    body: bytes


@dataclass(slots=True, eq=False)
class Listener:
    """One open stream."""

    visitor: Visitor
    wanted: frozenset[str] | None
    """Device keys to hear of; None for all."""
    areas: frozenset[str] | None
    queue: deque[Item] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    behind: bool = False
    """Its queue overflowed: the next thing it gets is a snapshot."""
    seen: dict[str, bool] = field(default_factory=dict)
    """Device key -> whether this listener may and wants to see it."""

    def offer(self, items: list[Item]) -> None:
        if len(self.queue) + len(items) > BEHIND:
            self.queue.clear()
            self.behind = True
        else:
            self.queue.extend(items)
        self.wake.set()

    async def until_woken(self, for_s: float) -> None:
        """Until something waits or the time is over."""
        try:
            async with asyncio.timeout(max(for_s, 0.0)):
                await self.wake.wait()
        except TimeoutError:
            pass
        self.wake.clear()
