"""Frames on their way from the network thread to the event loop: a bounded list, and one wake-up for all in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sluis.model import Frame

WAITING = 5_000
"""Frames waiting for intake at most. At 256 bytes some 3 MB; full for a moment only in a burst that outruns intake.
Smaller and the socket is paused for every burst; larger and more is in memory when the power goes."""


class Inbox:
    """`put` by one thread, `take` by the event loop. It never drops: who fills it looks at `full` first."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        self._frames: list[Frame] = []
        self._lock = threading.Lock()
        self._arrived = asyncio.Event()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_room = on_room

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        return len(self._frames) >= WAITING

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on `take` may be awaited on this loop."""
        self._loop = loop

    def put(self, frames: Sequence[Frame]) -> None:
        """Append, and wake the loop unless it has been woken for what waits already."""
        with self._lock:
            self._frames += frames
            wake, self._woken = not self._woken, True
        if wake:
            self.call(self._arrived.set)

    async def take(self) -> list[Frame]:
        """Everything waiting, in order; at least one frame."""
        while True:
            self._arrived.clear()
            with self._lock:
                frames, self._frames = self._frames, []
                self._woken = False
            if frames:
                if len(frames) >= WAITING:
                    self._on_room()
                return frames
            await self._arrived.wait()

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run a function on the event loop, from any thread."""
        with suppress(RuntimeError):  # the loop has ended: nobody listens any more
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)
