"""The MQTT link: paho-mqtt in a thread of its own, acknowledging only when told to.

This is the event loop's side; `sluis.links.line` is the network thread's. Received frames wait in a bounded list; the
event loop is woken at most once for all that wait there. When the list is full the thread stops reading, TCP presses
back, and the broker keeps what it has: nothing of QoS 1 is dropped here. Acknowledgements come from any thread; those
of an earlier connection are void, since the broker delivers such frames again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sluis.links.health import LinkHealth
from sluis.links.line import Line, Outgoing
from sluis.links.packets import publication
from sluis.links.recording import Recorder
from sluis.links.session import SessionRecord
from sluis.links.settings import MqttSettings
from sluis.model import Frame, LinkError, Stamp
from sluis.runtime import Clock, Step
from sluis.sdk import Station
from sluis.wire.topics import matches

__all__ = ["LinkHealth", "MqttLink"]

log = logging.getLogger(__name__)


class _Question(NamedTuple):
    """One whose answer somebody waits for."""

    reply: str
    to: str
    answer: Future[Frame]
    fits: Callable[[Frame], bool]


class MqttLink:
    """One connection to one broker. `run` keeps it up until cancelled."""

    kind = "mqtt"

    def __init__(self, settings: MqttSettings, clock: Clock, *, session_file: Path | None = None) -> None:
        self.name = settings.name
        self.settings = settings
        self._record = SessionRecord(session_file)
        self._line = Line(settings, clock, self._record)
        self._line.on_change = self._changed
        self._line.on_frames = self._arrived
        self._line.on_oversize = self._too_large
        self._filters: frozenset[str] | None = None
        self._replies: list[_Question] = []
        self._listeners: list[Callable[[bool, str], None]] = []
        self._step_listeners: list[Callable[[Step], None]] = []
        self._lost: tuple[Stamp, str] | None = None
        self._clock = clock
        self._oversize_listeners: list[Callable[[str, int], None]] = []
        self._recorder: Recorder | None = None

    @property
    def up(self) -> bool:
        return self._line.up

    @property
    def session(self) -> str:
        """Changes when the broker has forgotten what was in flight to us."""
        return self._record.id

    async def run(self) -> None:
        """Connect and stay connected; ends when cancelled, leaving the session at the broker."""
        self._line.inbox.open(asyncio.get_running_loop())
        self._line.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._line.stop()
            while self._line.alive:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.005)
            self._line.close()
            self.record(None)

    def on_change(self, listener: Callable[[bool, str], None]) -> None:
        """Call `listener(up, reason)` on the event loop whenever the link comes up or is lost."""
        self._listeners.append(listener)

    def on_step(self, listener: Callable[[Step], None]) -> None:
        """Call `listener(step)` on the event loop whenever a lost connection has been made again. To connect anew is
        all that a client can do; what a broker needs is on the broker's own ladder."""
        self._step_listeners.append(listener)

    def on_oversize(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener(topic, bytes)` on the event loop when a message was too large to take in."""
        self._oversize_listeners.append(listener)

    def on_subscribed(self, listener: Callable[[], None]) -> None:
        """Call `listener()` on the event loop whenever the broker has taken a subscription."""
        self._line.on_subscribed = listener

    async def take(self) -> list[Frame]:
        """Everything waiting, in order of arrival; at least one frame."""
        return await self._line.inbox.take()

    def acknowledge(self, tokens: Sequence[int]) -> None:
        """Tell the broker that these frames are safe. From any thread."""
        self._line.acknowledge(tokens)

    def set_filters(self, filters: frozenset[str]) -> None:
        """Be subscribed to exactly these topic filters (QoS 1), now and after every reconnect."""
        self._filters = filters
        self._want()

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        """Nothing to know: an MQTT device is its topics."""

    async def send(self, data: bytes, *, to: str = "", retain: bool = False, qos: int = 1) -> None:
        """Publish; returns when the broker has it. LinkError when it has not within `send_timeout_s`."""
        if not self.up:
            raise LinkError(f"{self.name} is down: {self._line.health.reason}")
        sent: Future[None] = Future()
        self._line.queue(Outgoing(to, data, qos, retain, sent))
        try:
            await asyncio.wait_for(asyncio.wrap_future(sent), self.settings.send_timeout_s)
        except TimeoutError:
            raise LinkError(f"{self.name}: the broker did not take a message to {to}") from None

    def tell(self, messages: Iterable[tuple[str, bytes, bool]]) -> bool:
        """Publish (topic, data, retained) at quality of service 0, many at once and without waiting. False, and
        nothing sent, when the link is down or the broker is behind. ValueError for what is no topic."""
        packets = [publication(topic, data, retain) for topic, data, retain in messages]
        return self._line.tell(b"".join(packets), len(packets))

    async def request(
        self,
        data: bytes,
        *,
        to: str = "",
        reply: str = "",
        timeout_s: float = 5.0,
        fits: Callable[[Frame], bool] = lambda frame: True,
    ) -> Frame:
        """Publish, then the first frame that arrives on the topic filter `reply` (not on `to`) and `fits`: that is
        called by the network thread, and tells the answer to this question from a late one to an earlier. LinkError
        when none comes in time."""
        answer: Future[Frame] = Future()
        entry = _Question(reply, to, answer, fits)
        self._replies.append(entry)
        self._want()
        try:
            await self.send(data, to=to)
            return await asyncio.wait_for(asyncio.wrap_future(answer), timeout_s)
        except TimeoutError:
            raise LinkError(f"{self.name}: no answer on {reply} within {timeout_s} s") from None
        finally:
            self._replies.remove(entry)
            self._want()

    def record(self, file: Path | None) -> None:
        """Write every frame that arrives to a file of frames (`sluis.links.recording`); None stops it."""
        held, self._recorder = self._recorder, Recorder(file) if file is not None else None
        if held is not None:
            held.close()

    def health(self) -> LinkHealth:
        address = f"{self.settings.host}:{self.settings.port}"
        line = self._line
        return replace(line.health, received=line.received, waiting=len(line.inbox), address=address)

    def _want(self) -> None:
        """Subscribe to what intake wants and to the answers somebody waits for."""
        replies = Counter(one.reply for one in self._replies)
        if self._filters is not None or replies:
            self._line.wanted = (self._filters or frozenset()) | frozenset(replies)
            self._line.nudge()

    # -- called by the network thread ---------------------------------------------------------------------

    def _arrived(self, frames: Sequence[Frame]) -> None:
        recorder = self._recorder
        if recorder is not None:
            recorder.write(frames)
        for asked in tuple(self._replies):
            for frame in frames:
                if frame.retained or frame.source == asked.to or asked.answer.done():
                    continue  # remembered from before, or our own question coming back to us
                if matches(asked.reply, frame.source) and asked.fits(frame):
                    with suppress(Exception):  # given up on in this moment
                        asked.answer.set_result(frame)

    # -- on the event loop --------------------------------------------------------------------------------

    def _changed(self, up: bool, reason: str) -> None:
        now, lost = self._clock.stamp(), self._lost
        self._lost = None if up else (now, reason)
        if up and lost is not None:
            step = Step(self.name, "reconnect", lost[0].at_us, (now.mono_us - lost[0].mono_us) / 1e6, True, lost[1])
            for told in self._step_listeners:
                told(step)
        for listener in self._listeners:
            listener(up, reason)

    def _too_large(self, topic: str, size: int) -> None:
        log.warning("%s: %d bytes on %s is too much; not taken in", self.name, size, topic)
        for listener in self._oversize_listeners:
            self._line.inbox.call(listener, topic, size)
