"""The live stream: a snapshot, then what changes, until the listener goes or loses the right to listen.

Theory of operation. The hub takes events from the bus and turns each into bytes once, for all listeners. The first
change of a point goes out at once; repeats within `1 / stream_hz` seconds are conflated to the latest value, so a
fast sensor costs a phone ten updates a second at most. Each listener has a bounded queue of items (an item is the
same bytes object for all). One that falls behind loses its queue and gets a fresh snapshot. The hub keeps the last
`RING` items, so that a listener back from a short break (`Last-Event-ID`) gets only what it missed.

Events on the wire (text/event-stream):
    snapshot   {"at_us", "site", "devices": [DeviceNow ...]}          see panel/news.py
    changes    [ReadingNews | AvailabilityNews | ... ]                each with "kind"
    heartbeat  {"at_us"}                                              every 2 s
    end        {"reason": "signed-out" | "stopping"}                  then the stream closes
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

from sluis.model import (
    AlertChanged,
    AvailabilityChanged,
    BoardChanged,
    CommandChanged,
    DeviceChanged,
    DeviceState,
    Event,
    LinkChanged,
    Occurred,
    ReadingChanged,
    UnknownDevice,
)
from sluis.panel.auth import sees
from sluis.panel.conflation import Conflation
from sluis.panel.errors import NotAvailable, NotSignedIn
from sluis.panel.listener import WHOLE, Item, Listener
from sluis.panel.news import device_now, encode, news_of
from sluis.panel.ports import House
from sluis.panel.settings import PanelSettings
from sluis.panel.visitor import Visitor

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.0
"""The page calls its values stale after three missed heartbeats. Shorter wakes every phone's radio more often;
longer and a dead gateway looks alive for more than eight seconds."""

SLACK_S = 0.001
"""A timer may fire a little early; what is due within this goes along."""

RING = 2_000
"""Items kept for those who come back."""

IDLE_S = 30.0
"""With nobody listening for this long, events are no longer encoded; who comes back later gets a snapshot."""

PIECE = 100
"""Devices per piece of a snapshot: between pieces the loop serves others (2,000 devices take some 50 ms)."""


class Hub:
    """Feeds all live streams. `run` once, `listen` per stream."""

    def __init__(self, house: House, settings: PanelSettings) -> None:
        self.closing = False
        self.sent = 0
        self._house = house
        self._settings = settings
        self._listeners: set[Listener] = set()
        self._ring: deque[Item] = deque(maxlen=RING)
        self._epoch = uuid4().hex[:8]
        self._seq = 0
        self._idle_since: float | None = 0.0
        self._conflation = Conflation(1 / settings.stream_hz)
        self._flush: asyncio.TimerHandle | None = None

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    # -- from the bus -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Pass on what the bus says, until cancelled."""
        self.closing = False
        subscription = self._house.bus.subscribe(
            "panel-stream",
            ReadingChanged,
            Occurred,
            AvailabilityChanged,
            DeviceChanged,
            LinkChanged,
            CommandChanged,
            AlertChanged,
            BoardChanged,
        )
        try:
            async for batch in subscription:
                self._take(batch)
        finally:
            subscription.close()
            self.close()

    def close(self) -> None:
        """End all streams; further ones end at once."""
        self.closing = True
        if self._flush is not None:
            self._flush.cancel()
        for listener in self._listeners:
            listener.wake.set()

    def _take(self, batch: list[Event]) -> None:
        now = asyncio.get_running_loop().time()
        if not self._heard(now):
            return
        items: list[Item] = []
        for event in batch:
            if isinstance(event, ReadingChanged) and self._conflation.hold(event, now):
                continue
            items.append(self._item(event))
            if isinstance(event, DeviceChanged):
                self._forget(event.device.key)
            elif isinstance(event, AvailabilityChanged):
                items += self._values_of(event.device)
        self._offer(items)
        self._plan()

    def _values_of(self, key: str) -> list[Item]:
        """What a device's points say now that it went away or came back: stale, or no longer stale."""
        try:
            twin = self._house.register.twin(key)
        except UnknownDevice:
            return []
        shown = [(point, twin.shown(point)) for point in twin.reported]
        return [
            self._item(ReadingChanged(key, point, held.value, held.quality, held.stamp, held.value, held.stale))
            for point, held in shown
            if held is not None
        ]

    def _heard(self, now: float) -> bool:
        """Whether anybody listens, or did a moment ago."""
        if self._listeners:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > IDLE_S or self._idle_since == 0.0:
            self._ring.clear()
            self._seq += 1
            return False
        return True

    def _release(self) -> None:
        """Send the held values whose turn has come."""
        self._flush = None
        loop = asyncio.get_running_loop()
        self._offer([self._item(event) for event in self._conflation.due(loop.time() + SLACK_S)])
        self._plan()

    def _plan(self) -> None:
        """Be called when the next held value is due."""
        next_at = self._conflation.next_at()
        if next_at is not None and self._flush is None and not self.closing:
            self._flush = asyncio.get_running_loop().call_at(next_at, self._release)

    def _item(self, event: Event) -> Item:
        self._seq += 1
        return Item(self._seq, _device_of(event), encode(news_of(event)))

    def _offer(self, items: list[Item]) -> None:
        if not items:
            return
        self._ring.extend(items)
        self.sent += len(items)
        for listener in self._listeners:
            mine = [item for item in items if self._is_for(listener, item.device)]
            if mine:
                listener.offer(mine)

    def _forget(self, device: str) -> None:
        for listener in self._listeners:
            listener.seen.pop(device, None)

    def _is_for(self, listener: Listener, device: str) -> bool:
        if not device:
            return True
        known = listener.seen.get(device)
        if known is None:
            known = listener.seen[device] = self._look(listener, device)
        return known

    def _look(self, listener: Listener, key: str) -> bool:
        if key == WHOLE:
            return listener.visitor.actor.areas is None
        if listener.wanted is not None and key not in listener.wanted:
            return False
        try:
            device = self._house.register.device(key)
        except UnknownDevice:
            return listener.visitor.actor.areas is None
        if listener.areas is not None and device.area not in listener.areas:
            return False
        return sees(listener.visitor.actor, device)

    def admit(self) -> None:
        """NotAvailable when there are too many streams already."""
        if len(self._listeners) >= self._settings.max_streams:
            raise NotAvailable("too many live streams are open", hint="Close some tabs, or raise panel.max_streams.")

    # -- to a listener ------------------------------------------------------------------------------------

    async def listen(
        self,
        visitor: Visitor,
        recheck: Callable[[], Awaitable[Visitor]],
        *,
        devices: frozenset[str] | None = None,
        areas: frozenset[str] | None = None,
        last_id: str = "",
    ) -> AsyncIterator[bytes]:
        """The bytes of one stream. `recheck` raises NotSignedIn when the visitor's right has ended."""
        listener = Listener(visitor, devices, areas)
        missed = self._missed(last_id)
        self._listeners.add(listener)
        try:
            yield b"retry: 1000\n\n"
            if missed is None:
                async for piece in self._snapshot(listener):
                    yield piece
            elif mine := [item for item in missed if self._is_for(listener, item.device)]:
                yield self._changes(mine)
            async for piece in self._follow(listener, recheck):
                yield piece
        finally:
            self._listeners.discard(listener)

    async def _follow(self, listener: Listener, recheck: Callable[[], Awaitable[Visitor]]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        beat_at, changes = loop.time(), self._house.door.changes
        while not self.closing:
            now = loop.time()
            if now >= beat_at or changes != self._house.door.changes:
                changes, beat_at = self._house.door.changes, now + HEARTBEAT_S
                try:
                    self._renew(listener, await recheck())
                except NotSignedIn:
                    yield _event("end", b'{"reason":"signed-out"}')
                    return
                yield _event("heartbeat", encode({"at_us": self._house.clock.stamp().at_us}))
            if listener.behind:
                async for piece in self._snapshot(listener):
                    yield piece
            elif listener.queue:
                waiting = list(listener.queue)
                listener.queue.clear()
                yield self._changes(waiting)
            else:
                await listener.until_woken(beat_at - loop.time())
        yield _event("end", b'{"reason":"stopping"}')

    def _renew(self, listener: Listener, visitor: Visitor) -> None:
        """Rights may have changed: what was allowed is asked again."""
        if visitor.actor != listener.visitor.actor:
            listener.seen.clear()
            listener.behind = True
        listener.visitor = visitor

    async def _snapshot(self, listener: Listener) -> AsyncIterator[bytes]:
        """One event in pieces. Changes that come in meanwhile wait in the queue and follow it."""
        listener.behind = False
        listener.queue.clear()
        listener.seen.clear()
        register = self._house.register
        shown = [device for device in register.devices(DeviceState.ADOPTED) if self._is_for(listener, device.key)]
        head = encode({"at_us": self._house.clock.stamp().at_us, "site": self._settings.site_name})
        yield b"id: %s-%d\nevent: snapshot\ndata: %s" % (self._epoch.encode(), self._seq, head[:-1] + b',"devices":[')
        for start in range(0, len(shown), PIECE):
            pieces = [encode(device_now(one, register.twin(one.key))) for one in shown[start : start + PIECE]]
            yield (b"," if start else b"") + b",".join(pieces)
            await asyncio.sleep(0)
        yield b"]}\n\n"

    def _changes(self, items: list[Item]) -> bytes:
        body = b",".join(item.body for item in items)
        return b"id: %s-%d\nevent: changes\ndata: [%s]\n\n" % (self._epoch.encode(), items[-1].seq, body)

    def _missed(self, last_id: str) -> list[Item] | None:
        """What came after `last_id`, or None when that is not known any more."""
        epoch, _, number = last_id.partition("-")
        if epoch != self._epoch or not number.isdecimal() or len(number) > 18:
            return None
        last = int(number)
        if last == self._seq:
            return []
        if not self._ring or not self._ring[0].seq - 1 <= last <= self._seq:
            return None
        return [item for item in self._ring if item.seq > last]


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def _device_of(event: Event) -> str:
    if isinstance(event, DeviceChanged):
        return event.device.key
    if isinstance(event, CommandChanged):
        return event.receipt.command.device
    if isinstance(event, LinkChanged):
        return ""
    if isinstance(event, BoardChanged):
        return WHOLE
    return event.device or WHOLE
