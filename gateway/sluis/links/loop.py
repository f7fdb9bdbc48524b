"""What every link that lives on the event loop has in common: its frames, its listeners, its state.

A concrete link writes `run`, `send` and `request`, and calls `_came_up`, `_went_down` and `_deliver`. Its transport
knows no acknowledgement: a frame is on its way to the store when it is delivered, and lost when the power goes in that
moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sluis.links.health import LinkHealth
from sluis.links.recording import Recorder
from sluis.model import Frame, LinkError, Stamp
from sluis.runtime import Clock
from sluis.runtime.ladder import Ladder, Rung, Step
from sluis.sdk import Station
from sluis.wire.topics import matches

log = logging.getLogger(__name__)

WAITING = 5_000
"""Frames waiting for intake at most. When it is full the oldest gives way and is counted: a radio or a bus cannot be
told to wait, and the newest value is worth more. At 2,000 a second it holds the 2.5 s that a busy disk may take."""


class LoopLink:
    """Base of the links other than MQTT. All of it runs on the event loop."""

    kind: ClassVar[str] = ""

    def __init__(self, name: str, clock: Clock, *, address: str = "") -> None:
        self.name = name
        self.up = False
        self.session = ""
        self.filters: frozenset[str] = frozenset()
        self.stations: Mapping[str, Station] = {}
        self.rung = ""
        self.ladder: Ladder | None = None
        self._clock = clock
        self._address = address
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._listeners: list[Callable[[bool, str], None]] = []
        self._step_listeners: list[Callable[[Step], None]] = []
        self._recorder: Recorder | None = None
        self._awaited: list[tuple[str, asyncio.Future[Frame]]] = []
        self._since_us = clock.stamp().at_us
        self._reason = "not connected yet"
        self._last_error = ""
        self._received = self._sent = self._dropped = self._oversize = self._reconnects = 0
        self._was_up = False

    # -- what intake and the panel use --------------------------------------------------------------------

    async def run(self) -> None:
        """Be up whenever that is possible, until cancelled."""
        raise NotImplementedError

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        raise LinkError(f"{self.name}: nothing can be sent on a {self.kind} link")

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        raise LinkError(f"{self.name}: nothing can be asked on a {self.kind} link")

    def on_change(self, listener: Callable[[bool, str], None]) -> None:
        """Call `listener(up, reason)` whenever the link comes up or is lost."""
        self._listeners.append(listener)

    def on_step(self, listener: Callable[[Step], None]) -> None:
        """Call `listener(step)` after every step on this link's recovery ladder."""
        self._step_listeners.append(listener)

    async def take(self) -> list[Frame]:
        """Everything waiting, in order of arrival; at least one frame."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def acknowledge(self, tokens: Sequence[int]) -> None:
        """Nobody waits for it."""

    def set_filters(self, filters: frozenset[str]) -> None:
        self.filters = filters

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self.stations = stations

    def record(self, file: Path | None) -> None:
        """Write every frame that arrives to a file of frames (`sluis.links.recording`); None stops it."""
        held, self._recorder = self._recorder, Recorder(file) if file is not None else None
        if held is not None:
            held.close()

    def health(self) -> LinkHealth:
        return LinkHealth(
            self.name,
            self.up,
            self._since_us,
            self._reason,
            received=self._received,
            sent=self._sent,
            waiting=len(self._frames),
            dropped=self._dropped,
            oversize=self._oversize,
            reconnects=self._reconnects,
            last_error=self._last_error,
            kind=self.kind,
            address=self._address,
            rung=(self.ladder.at if self.ladder else "") or self.rung,
            notes=self.notes(),
        )

    def notes(self) -> Mapping[str, Any]:
        """What else its page shows."""
        return {}

    # -- for the concrete link ----------------------------------------------------------------------------

    def _make_ladder(self, *rungs: Rung) -> Ladder:
        """This link's ladder, mildest rung first; its steps are told to whoever listens."""
        self.ladder = Ladder(self.name, rungs, self._clock, self._stepped)
        return self.ladder

    def _stepped(self, step: Step) -> None:
        for listener in self._step_listeners:
            listener(step)

    def _came_up(self) -> None:
        if self.up:
            return
        self.up, self._reason, self._since_us, self.rung = True, "", self._clock.stamp().at_us, ""
        self._reconnects += self._was_up
        self._was_up = True
        log.info("%s is up", self.name)
        self._tell()

    def _went_down(self, reason: str) -> None:
        """Lost, or not come up: said once, also when the reason changes."""
        self._last_error = reason
        changed = self.up or self._reason != reason
        if self.up:
            self._since_us = self._clock.stamp().at_us
        self.up, self._reason = False, reason
        if changed:
            log.warning("%s is down: %s", self.name, reason)
            self._tell()

    def _deliver(
        self,
        source: str,
        data: bytes,
        *,
        asked: bytes = b"",
        rssi_dbm: int | None = None,
        stamp: Stamp | None = None,
    ) -> Frame:
        """A frame arrived: to intake, to the recorder, and to whoever waits for an answer from this source."""
        frame = Frame(self.name, source, data, stamp or self._clock.stamp(), rssi_dbm=rssi_dbm, asked=asked)
        self._received += 1
        if len(self._frames) >= WAITING:
            self._frames.popleft()
            self._dropped += 1
        self._frames.append(frame)
        self._arrived.set()
        if self._recorder is not None:
            self._recorder.write([frame])
        for reply, answer in self._awaited:
            if not answer.done() and matches(reply, source):
                answer.set_result(frame)
        return frame

    async def _answer(self, reply: str, timeout_s: float) -> Frame:
        """The next frame from a source that fits `reply`. LinkError when none comes in time."""
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        entry = (reply, answer)
        self._awaited.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise LinkError(f"{self.name}: no answer from {reply} within {timeout_s:g} s") from None
        finally:
            self._awaited.remove(entry)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self.up, self._reason)
