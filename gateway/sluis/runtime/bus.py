"""The bus: facts, in batches, to whoever listens.

One publisher side, many bounded subscriptions. A subscriber that is too slow loses the *oldest* events of its
own queue and sees how many (`dropped`); it never slows the publisher or another subscriber. Nothing durable
depends on the bus: what must not be lost is in the store before it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from sluis.model import Event

DEPTH = 10_000
"""Events a subscriber may be behind. Smaller and a burst of a few hundred devices (a site coming back after a
power cut) costs rules their input; larger and a hung subscriber holds tens of megabytes."""


class Subscription:
    """One listener's queue. Iterate `take()` in a loop, or use it as an async iterator of batches."""

    def __init__(self, bus: Bus, name: str, kinds: tuple[type, ...], depth: int) -> None:
        self.name = name
        self.dropped = 0
        self._bus = bus
        self._kinds = kinds
        self._queue: deque[Event] = deque(maxlen=depth)
        self._wake = asyncio.Event()

    def offer(self, events: Sequence[Event]) -> None:
        """Called by the bus."""
        wanted = [event for event in events if isinstance(event, self._kinds)] if self._kinds else events
        if not wanted:
            return
        room = (self._queue.maxlen or 0) - len(self._queue)
        self.dropped += max(0, len(wanted) - room)
        self._queue.extend(wanted)
        self._wake.set()

    async def take(self) -> list[Event]:
        """All that is waiting, at least one event."""
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        batch = list(self._queue)
        self._queue.clear()
        return batch

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> list[Event]:
        return await self.take()

    def close(self) -> None:
        self._bus.unsubscribe(self)

    @property
    def depth(self) -> int:
        """How many events may wait."""
        return self._queue.maxlen or 0

    def __len__(self) -> int:
        return len(self._queue)


class Bus:
    """Publish is synchronous and cheap; subscribers run in their own tasks."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self.published = 0

    def publish(self, *events: Event) -> None:
        self.publish_batch(events)

    def publish_batch(self, events: Sequence[Event]) -> None:
        self.published += len(events)
        for subscription in self._subscriptions:
            subscription.offer(events)

    def subscribe(self, name: str, *kinds: type, depth: int = DEPTH) -> Subscription:
        """A subscription to events of `kinds` (all when none is given)."""
        subscription = Subscription(self, name, kinds, depth)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def subscriptions(self) -> Iterable[Subscription]:
        """For the health page: who listens, how far behind, how many dropped."""
        return tuple(self._subscriptions)
