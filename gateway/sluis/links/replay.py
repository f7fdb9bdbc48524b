"""The replay link: frames from a file (or from a test) instead of a network, and a memory of what was sent.

It is the real fake behind `sluis driver replay`, the tests of services, and demonstrations: no thread, no time of its
own, the same frames in the same order for ever. It keeps the contract of every link: frames not acknowledged come
again, marked as duplicates, after `reconnect`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sluis.links.health import LinkHealth
from sluis.links.recording import frames_of
from sluis.model import Frame, LinkError
from sluis.runtime import Clock
from sluis.sdk import Station
from sluis.wire.topics import matches


@dataclass(frozen=True, slots=True)
class Sent:
    """What was handed to the replay link to send."""

    to: str
    data: bytes
    retain: bool = False


class ReplayLink:
    """A link that delivers what it is fed. `sent` is what went out. `kind` is that of the link it stands for."""

    def __init__(self, name: str, clock: Clock, frames: Iterable[Frame] = (), *, kind: str = "mqtt") -> None:
        self.name = name
        self.kind = kind
        self.stations: Mapping[str, Station] = {}
        self.up = False
        self.session = "replay-1"
        self.sent: list[Sent] = []
        self.answers: dict[str, Callable[[Sent], Iterable[tuple[str, bytes]]]] = {}
        """Topic filter -> what a device would publish when something is sent there: [(topic, data)]."""
        self._clock = clock
        self._since_us = clock.stamp().at_us
        self._reason = "not connected yet"
        self._filters: frozenset[str] | None = None
        self._ahead: deque[Frame] = deque()
        self._waiting: list[Frame] = []
        self._unacknowledged: dict[int, Frame] = {}
        self._arrived = asyncio.Event()
        self._replies: list[tuple[str, str, asyncio.Future[Frame]]] = []
        self._listeners: list[Callable[[bool, str], None]] = []
        self._received = self._reconnects = self._tokens = 0
        for frame in frames:
            self.feed(frame.source, frame.data, retained=frame.retained)

    @classmethod
    def from_file(cls, file: Path, clock: Clock, name: str = "replay") -> ReplayLink:
        """All frames of a recording. ConfigError names the line that is none."""
        with file.open(encoding="utf-8") as lines:
            return cls(name, clock, frames_of(lines, name))

    # -- what a test or a replay does ---------------------------------------------------------------------

    def feed(self, topic: str, data: bytes, *, retained: bool = False, qos: int = 1, asked: bytes = b"") -> None:
        """A frame arrives: now when the link is up and subscribed to its topic, else once it is."""
        self._tokens += 1
        token = self._tokens if qos else None
        stamp = self._clock.stamp()
        delivery = None if token is None else (token - 1) % 65535 + 1
        self._ahead.append(Frame(self.name, topic, data, stamp, retained, token=token, delivery=delivery, asked=asked))
        self._deliver()

    def lose(self, reason: str = "lost by hand") -> None:
        """The connection ends."""
        if self.up:
            self.up, self._reason, self._since_us = False, reason, self._clock.stamp().at_us
            self._tell(False, reason)

    def heal(self, *, session_kept: bool = True) -> None:
        """The connection comes back; frames that nobody acknowledged come again when the session was kept."""
        if self.up:
            return
        again, self._unacknowledged = list(self._unacknowledged.values()), {}
        self._waiting.clear()
        if session_kept:
            for frame in reversed(again):
                self._tokens += 1
                self._ahead.appendleft(replace(frame, token=self._tokens, duplicate=True))
        else:
            self.session = f"replay-{self._tokens}-{self._reconnects}"
        self._reconnects += self._reason != "not connected yet"
        self.up, self._reason, self._since_us = True, "", self._clock.stamp().at_us
        self._tell(True, "")
        self._deliver()

    @property
    def unacknowledged(self) -> int:
        return len(self._unacknowledged)

    # -- what every link does -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Be up until cancelled."""
        self.heal()
        try:
            await asyncio.Event().wait()
        finally:
            self.lose("stopped")

    def on_change(self, listener: Callable[[bool, str], None]) -> None:
        self._listeners.append(listener)

    async def take(self) -> list[Frame]:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        frames, self._waiting = self._waiting, []
        return frames

    def acknowledge(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            self._unacknowledged.pop(token, None)

    def set_filters(self, filters: frozenset[str]) -> None:
        self._filters = filters
        self._deliver()

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self.stations = stations

    async def send(self, data: bytes, *, to: str = "", retain: bool = False, qos: int = 1) -> None:
        if not self.up:
            raise LinkError(f"{self.name} is down: {self._reason}")
        sent = Sent(to, data, retain)
        self.sent.append(sent)
        for topic_filter, answer in self.answers.items():
            if matches(topic_filter, to):
                for topic, reply in answer(sent):
                    self.feed(topic, reply, qos=qos, asked=b"" if self.kind == "mqtt" else data)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        entry = (reply or to, to, asyncio.get_running_loop().create_future())
        self._replies.append(entry)
        try:
            await self.send(data, to=to)
            return await asyncio.wait_for(entry[2], timeout_s)
        except TimeoutError:
            raise LinkError(f"{self.name}: no answer on {reply} within {timeout_s} s") from None
        finally:
            self._replies.remove(entry)

    def health(self) -> LinkHealth:
        return LinkHealth(
            self.name,
            self.up,
            self._since_us,
            self._reason,
            received=self._received,
            sent=len(self.sent),
            waiting=len(self._waiting),
            reconnects=self._reconnects,
            kind=self.kind,
        )

    def _deliver(self) -> None:
        if not self.up:
            return
        kept: deque[Frame] = deque()
        for frame in self._ahead:
            if self._wants(frame.source):
                self._arrive(frame)
            else:
                kept.append(frame)
        self._ahead = kept

    def _wants(self, topic: str) -> bool:
        asked = [reply for reply, _, _ in self._replies]
        return any(matches(one, topic) for one in [*(self._filters or ()), *asked])

    def _arrive(self, frame: Frame) -> None:
        self._received += 1
        if frame.token is not None:
            self._unacknowledged[frame.token] = frame
        self._waiting.append(frame)
        self._arrived.set()
        for reply, question, answer in self._replies:
            # On a broker the question comes back to who asked; on a bus the answer comes from where it went.
            news = not frame.retained and (self.kind != "mqtt" or frame.source != question)
            if news and not answer.done() and matches(reply, frame.source):
                answer.set_result(frame)

    def _tell(self, up: bool, reason: str) -> None:
        for listener in self._listeners:
            listener(up, reason)
