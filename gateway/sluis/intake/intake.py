"""Frames in, readings out: route, decode, apply to the twin, store, acknowledge, tell the bus.

Theory of operation. Each link is drained in batches. Every frame of a batch is routed to the adopted devices it
belongs to and decoded; readings go to the twin (which judges them) and into one `Batch` for the store. Events go
to the bus at once: what is live need not wait for the disk. Acknowledgements do wait: they are sent by the
store's commit, never before. So whatever was acknowledged is durable, and whatever was not will be delivered
again; redeliveries are known by their delivery number and digest, frames a device sent twice by its own identity.

Two rules:
1. Nothing a device sends may stop this loop. The driver sandbox (`_decode`) is the only broad catch here.
2. A frame's acknowledgement rides on the batch that holds its readings, also when it has none.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from sluis.intake.carriers import Carriers
from sluis.intake.entry import Entry
from sluis.intake.ports import Batch, Delivery, FrameLink, OccurrenceRow, ReadingStore, Row
from sluis.intake.register import Register
from sluis.intake.scan import Scan
from sluis.model import (
    Announcement,
    DeviceState,
    Event,
    Frame,
    FrameError,
    NotMine,
    Occurred,
    Occurrence,
    Presence,
    Quality,
    Reading,
    Roster,
    Stamp,
    StoreError,
)
from sluis.model.faults import DriverFailed
from sluis.runtime import Bus, Clock
from sluis.sdk import Decoded, Driver, Inquiry

log = logging.getLogger(__name__)

CHUNK = 64
"""Frames processed before other tasks get a turn. At some 100 µs a frame this holds the loop for under 10 ms, so
a burst does not delay a command; smaller costs more turns than it gives."""

UNCOMMITTED = 20_000
"""Frames decoded but not yet committed, at most; then the link is left to press back. About 10 MB."""

DELIVERIES = 32_768
"""Deliveries remembered per session. Brokers number them 1 to 65,535 in turn, so a number within half a turn
is the same delivery; remembering a whole turn would take a new message for an old one."""

IDENTITIES = 65_536
"""Identities remembered over all devices: at 500 frames a second the last two minutes, far longer than a
client's resend after a lost acknowledgement."""


GATHER_S = 0.02
"""Changes of what must be subscribed are gathered this long: two thousand devices coming into use are some dozens of
subscriptions, not two thousand. Longer and a freshly adopted device is heard noticeably later."""


class Intake:
    """Drains the links. `run` ends only by cancellation or when the store fails for good."""

    def __init__(
        self, register: Register, store: ReadingStore, links: Sequence[FrameLink], clock: Clock, bus: Bus
    ) -> None:
        self.register = register
        self.carriers = Carriers(register, bus)
        self.scan = Scan(register, clock, self._search)
        self.frames = 0
        self.readings = 0
        self.duplicates = 0
        self.unclaimed = 0
        """Frames on a subscribed topic that no device and no announcement claims."""
        self._store = store
        self._links = {link.name: link for link in links}
        register.links = {link.name: link.kind for link in links}
        self._clock = clock
        self._bus = bus
        self._delivered: dict[str, tuple[str, dict[int, int]]] = {}
        self._identities: dict[int, None] = dict.fromkeys(store.recent_identities())
        self._faulty: set[str] = set()
        self._uncommitted = 0
        self._failure: BaseException | None = None
        self._room = asyncio.Event()
        self._inquiries: deque[tuple[FrameLink, Inquiry]] = deque(maxlen=200)
        self._asked = asyncio.Event()
        self._on_driver_fault: Callable[[DriverFailed], None] = lambda failed: None

    def on_driver_fault(self, listener: Callable[[DriverFailed], None]) -> None:
        """Call `listener` whenever a driver itself fails."""
        self._on_driver_fault = listener

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for link in self._links.values():
                group.create_task(self._drain(link))
            group.create_task(self._subscribe())
            group.create_task(self._expire())
            group.create_task(self._inquire())

    def health(self) -> dict[str, Any]:
        """Counters for the health page."""
        return {
            "frames": self.frames,
            "readings": self.readings,
            "duplicates": self.duplicates,
            "unclaimed": self.unclaimed,
            "uncommitted": self._uncommitted,
            "undiscovered": self.register.undiscovered,
            "damaged_adverts": self.register.adverts.damaged,
        }

    def refuse_oversize(self, link: str, topic: str, size: int) -> None:
        """A link did not take a message in because of its size: count it on the devices that it was for."""
        frame = Frame(link, topic, b"", self._clock.stamp())
        for entry in self.register.routes.of(link, topic):
            entry.counters.received += 1
            entry.counters.bad += 1
            entry.frames.append((frame, f"frame.oversize: {size} bytes, not taken in"))

    # -- the loops ----------------------------------------------------------------------------------------

    async def _drain(self, link: FrameLink) -> None:
        while True:
            frames = await link.take()
            for start in range(0, len(frames), CHUNK):
                self._process(link, frames[start : start + CHUNK])
                await asyncio.sleep(0)
            await self._until_room()

    async def _until_room(self) -> None:
        if self._failure:
            raise StoreError(f"the store failed: {self._failure}") from self._failure
        while self._uncommitted > UNCOMMITTED:
            self._room.clear()
            await self._room.wait()

    async def _subscribe(self) -> None:
        """Keep what every link listens to equal to what the register needs."""
        while True:
            self.register.filters_changed.clear()
            for link in self._links.values():
                link.set_stations(self.register.routes.stations(link.name))
                link.set_filters(self.register.filters(link.name, link.kind))
            self.register.polls_changed.set()  # not before: a link cuts an answer as its station says
            await self.register.filters_changed.wait()
            # Devices that are adopted together are subscribed together.
            await self._clock.sleep(GATHER_S)

    async def _expire(self) -> None:
        """Notice silence, once a second."""
        while True:
            await self._clock.sleep(1.0)
            now = self._clock.stamp()
            self.scan.expire(now.mono_us)
            events: list[Event] = []
            for entry in self.register:
                if entry.device.state is DeviceState.ADOPTED:
                    due = entry.twin.due()
                    if due is not None and due <= now.mono_us:
                        events += entry.twin.expire(now)
            self._publish(events)

    def _search(self) -> None:
        """Ask every family that answers a broadcast, on all links of its kind."""
        for cls in self.register.registry:
            links = [link for link in self._links.values() if link.kind in cls.about.match.kinds]
            self._inquiries += [(link, inquiry) for link in links for inquiry in cls.about.search]
        self._asked.set()

    async def _inquire(self) -> None:
        """Ask what families that do not announce must be asked."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._inquiries:
                link, inquiry = self._inquiries.popleft()
                try:
                    await link.send(inquiry.data, to=inquiry.to)
                except (OSError, TimeoutError) as error:
                    log.debug("inquiry to %s not sent: %s", inquiry.to, error)

    # -- one batch ----------------------------------------------------------------------------------------

    def _process(self, link: FrameLink, frames: Sequence[Frame]) -> None:
        rows: list[Row] = []
        occurrences: list[OccurrenceRow] = []
        identities: list[int] = []
        events: list[Event] = []
        delivered = self._delivered_of(link)
        numbers: list[int] = []
        digests: list[int] = []
        for frame in frames:
            if frame.delivery is not None:
                digest = digest_of(frame)
                if frame.duplicate and delivered.get(frame.delivery) == digest:
                    self.duplicates += 1
                    continue
                delivered.pop(frame.delivery, None)
                delivered[frame.delivery] = digest
                numbers.append(frame.delivery)
                digests.append(digest)
            if self.scan.on:
                self.scan.note(link.kind, frame)
            claimed = self._sniff(link, frame, events)
            for entry in self.register.routes.of(frame.link, frame.source):
                claimed = True
                self._take_in(entry, frame, rows, occurrences, identities, events)
            self.unclaimed += not claimed
        self.frames += len(frames)
        self.readings += len(rows)
        while len(delivered) > DELIVERIES:
            del delivered[next(iter(delivered))]
        delivery = Delivery(link.name, link.session, tuple(numbers), tuple(digests)) if numbers else None
        self._append(link, frames, Batch(rows, occurrences, delivery, identities))
        self._publish(events)

    def _append(self, link: FrameLink, frames: Sequence[Frame], batch: Batch) -> None:
        tokens = [frame.token for frame in frames if frame.token is not None]
        if not (tokens or batch.rows or batch.occurrences):
            return
        count = len(frames)
        self._uncommitted += count
        loop = asyncio.get_running_loop()

        def committed(future: Future[int]) -> None:
            # In the store's writer thread: acknowledge there and then, one hop less for the device.
            error = future.exception()
            if error is None and tokens:
                link.acknowledge(tokens)
            loop.call_soon_threadsafe(self._committed, count, error)

        self._store.append(batch).add_done_callback(committed)

    def _committed(self, count: int, error: BaseException | None) -> None:
        self._uncommitted -= count
        self._failure = self._failure or error
        self._room.set()

    def _publish(self, events: list[Event]) -> None:
        if events:
            events += self.carriers.follow(events)
            self._bus.publish_batch(events)

    def _delivered_of(self, link: FrameLink) -> dict[int, int]:
        """Deliveries already taken in, in this session of this link."""
        session = link.session
        held = self._delivered.get(link.name)
        if held is None or held[0] != session:
            held = (session, dict(self._store.recent_deliveries(link.name, session)))
            self._delivered[link.name] = held
        return held[1]

    # -- one frame ----------------------------------------------------------------------------------------

    def _take_in(
        self,
        entry: Entry,
        frame: Frame,
        rows: list[Row],
        occurrences: list[OccurrenceRow],
        identities: list[int],
        events: list[Event],
    ) -> None:
        counters = entry.counters
        counters.received += 1
        counters.last_at = frame.stamp
        if not entry.allowance.take(frame.stamp.mono_us):
            counters.flooded += 1
            return
        if entry.identifies and self._seen(entry, frame, identities):
            counters.duplicates += 1
            entry.frames.append((frame, "duplicate"))
            return
        items = self._decode(entry, frame)
        if items is None:
            return
        counters.decoded += 1
        if not frame.retained and not any(isinstance(item, Presence) for item in items):
            heard = entry.twin.heard(frame.stamp)
            if heard:
                events.append(heard)
        readings, own_us = 0, 0
        for item in items:
            if isinstance(item, Reading):
                own_us = max(own_us, item.at_us or 0)
                readings += self._apply(entry, frame, item, rows, events)
            elif isinstance(item, Presence):
                self._present(entry, item, frame.stamp, events)
            elif isinstance(item, Occurrence) and not frame.retained and item.point in entry.point_ids:
                occurrences.append(OccurrenceRow(entry.point_ids[item.point], frame.stamp, item.what))
                events.append(Occurred(entry.device.key, item, frame.stamp))
            elif isinstance(item, Announcement):
                self.register.announce(entry.device.driver, entry.device.link, item)
        if own_us and not frame.retained:
            counters.own_clock.note(own_us, frame.stamp)
        entry.frames.append((frame, f"{readings} readings" if readings != 1 else "1 reading"))

    def _decode(self, entry: Entry, frame: Frame) -> list[Decoded] | None:
        """The driver sandbox: what a driver says of a frame, or None when that is nothing usable."""
        assert entry.driver is not None  # routes hold entries with a driver only
        counters = entry.counters
        try:
            return list(entry.driver.decode(frame))
        except NotMine:
            counters.not_mine += 1
        except FrameError as error:
            counters.bad += 1
            entry.frames.append((frame, f"{error.code}: {error}"))
        except Exception as error:  # a driver that breaks its contract disables nothing but this frame
            counters.faults += 1
            entry.frames.append((frame, f"driver fault: {error!r}"))
            self._fault(DriverFailed(entry.device.driver, "decode", error, entry.device, frame))
        return None

    def _apply(self, entry: Entry, frame: Frame, reading: Reading, rows: list[Row], events: list[Event]) -> int:
        twin = entry.twin
        held = twin.reported.get(reading.point)
        if frame.retained:
            if held is not None and not held.stale:
                return 0
            if held is not None and held.value == reading.value:
                point = entry.points[reading.point]
                if point.every_s is not None:
                    return 0
            reading = _remembered(entry, reading)
        try:
            changed = twin.apply(reading, frame.stamp)
        except FrameError as error:
            entry.counters.bad += 1
            entry.frames.append((frame, f"{error.code}: {error}"))
            return 0
        events.append(changed)
        rows.append(
            Row(entry.point_ids[reading.point], frame.stamp, changed.value, int(changed.quality), reading.at_us)
        )
        return 1

    def _present(self, entry: Entry, said: Presence, stamp: Stamp, events: list[Event]) -> None:
        target = entry
        if said.native_id is not None:
            found = self.register.by_native(entry.device.driver, said.native_id)
            if found is None:
                return
            target = found
        changed = target.twin.presence(said, stamp)
        if changed:
            events.append(changed)

    def _seen(self, entry: Entry, frame: Frame, identities: list[int]) -> bool:
        """Whether this very frame was taken in before, by the device's own numbering."""
        assert entry.driver is not None
        try:
            own = entry.driver.identity(frame)
        except Exception:
            # Whatever is wrong with the frame (or the driver), decode will say and count it.
            return False
        if own is None:
            return False
        identity = digest64(f"{entry.device.key}\0{own}".encode())
        if identity in self._identities:
            return True
        self._identities[identity] = None
        identities.append(identity)
        if len(self._identities) > IDENTITIES:
            del self._identities[next(iter(self._identities))]
        return False

    def _sniff(self, link: FrameLink, frame: Frame, events: list[Event]) -> bool:
        """Whether a driver family claims this frame as an announcement (or may)."""
        finders = self.register.finders(link.kind, frame)
        for cls in finders:
            try:
                said = list(cls.sniff(frame))
            except FrameError as error:
                log.debug("%s: damaged announcement on %s: %s", cls.about.key, frame.source, error)
                continue
            except Exception as error:
                self._fault(DriverFailed(cls.about.key, "sniff", error, frame=frame))
                continue
            self._announced(link, cls, said, frame, events)
        # A radio hears what was never meant for us: that is nothing to count as left over.
        return bool(finders) or link.kind == "ble"

    def _announced(
        self, link: FrameLink, cls: type[Driver], said: Iterable[object], frame: Frame, events: list[Event]
    ) -> None:
        for item in said:
            if isinstance(item, Announcement):
                home = self.register.home(cls, link.name, link.kind)
                if home:
                    self.register.announce(cls.about.key, home, item)
            elif isinstance(item, Roster):
                events += self.carriers.roster(cls.about.key, item, frame.stamp)
            elif isinstance(item, Inquiry):
                self._inquiries.append((link, item))
                self._asked.set()
            elif isinstance(item, Presence) and item.native_id is not None:
                found = self.register.by_native(cls.about.key, item.native_id)
                changed = found.twin.presence(item, frame.stamp) if found else None
                if changed:
                    events.append(changed)

    def _fault(self, failed: DriverFailed) -> None:
        if failed.driver not in self._faulty:
            self._faulty.add(failed.driver)
            log.exception("driver %s failed; its other frames and all other drivers go on", failed.driver)
        self._on_driver_fault(failed)


def _remembered(entry: Entry, reading: Reading) -> Reading:
    """A value the broker remembered. Where the point is expected to report regularly its age is unknown: uncertain."""
    point = entry.points.get(reading.point)
    if point is None or point.every_s is None or reading.quality is not Quality.GOOD:
        return reading
    return Reading(reading.point, reading.value, Quality.UNCERTAIN, reading.at_us)


def digest_of(frame: Frame) -> int:
    """64-bit digest of a frame's source and bytes, the same in every process."""
    return digest64(frame.source.encode(), frame.data)


def digest64(*parts: bytes) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return int.from_bytes(digest.digest(), "big", signed=True)
