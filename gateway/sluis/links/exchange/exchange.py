"""One stream of bytes that stations share: who may ask, which bytes are whose, which frame answers which question.

Theory of operation. A question waits for its turn (`turns`), then for quiet on the wire, and is sent. Until its answer
or its deadline the bytes that come in are cut by the framing of the station that was asked; a frame that fits the
question is its answer and is delivered with it, every other frame is delivered as nobody's answer. While nothing is
asked the bytes belong to the stations that speak unasked; where there are none, to the station that was asked last: an
answer after its time is counted and attributed to it, and never taken for the answer to a later question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sluis.links.exchange.cutting import fits, speaker
from sluis.links.exchange.ear import Ear
from sluis.links.exchange.echo import OwnVoice
from sluis.links.exchange.greetings import Greetings
from sluis.links.exchange.late import Owed
from sluis.links.exchange.pace import Pace
from sluis.links.exchange.tally import Tally
from sluis.links.exchange.turns import DEAD_AFTER, Turns
from sluis.model import Frame, LinkError
from sluis.runtime.patience import patient
from sluis.sdk import Framing, Station

TURN_WITHIN_S = 25.0
"""Longest a question waits for its turn. Polls may take 30 s in all; a wire that is busy for longer is overbooked."""

CROWDED_S = 0.25
"""A wire that does not fall quiet for this long is spoken on anyway: noise must not silence a bus for ever."""

OPENING_S = 0.3
"""Quiet that ends what a device says on a new connection, and to each line of its `opening` (a login, the wish for long
answers). Smaller and the rest of it passes for the answer to the first question; larger and each new connection holds
up a command."""


class Deliver(Protocol):
    def __call__(self, source: str, data: bytes, *, asked: bytes = ...) -> Frame: ...


@dataclass
class _Question:
    source: str
    data: bytes
    framing: Framing
    answer: asyncio.Future[Frame]
    sent_at: float = 0.0


class Exchange:
    """`ready` is awaited before each question, with the wire in hand, and makes that there is a connection; `write`
    puts bytes on it; `deliver` takes every frame. `raw_source` is the source of what comes in where no station is
    known; without one such bytes are dropped."""

    def __init__(
        self,
        ready: Callable[[], Awaitable[None]],
        write: Callable[[bytes], Awaitable[None]],
        deliver: Deliver,
        pace: Pace = Pace(),  # noqa: B008  (frozen)
        *,
        raw_source: str = "",
    ) -> None:
        self.stations: Mapping[str, Station] = {}
        self.turns = Turns()
        self.silent_in_a_row = 0
        """Questions in a row, to any address, after which not one byte came."""
        self.heard = asyncio.Event()
        """Set by every byte that comes."""
        self.used_at = 0.0
        """When it was last asked or told something, by the loop's clock."""
        self._ready, self._write, self._deliver = ready, write, deliver
        self._pace = pace
        self._raw_source = raw_source
        self._tally = Tally()
        self._own = OwnVoice(pace.echo, self._tally)
        self._ear = Ear(self._take, self._tally)
        self._question: _Question | None = None
        self._last = ""
        self._owed = Owed()
        self._greetings = Greetings()
        self._opened: set[str] = set()
        """Sources that have had their `opening` on this connection."""
        self._quiet_from = 0.0

    # -- the stations -------------------------------------------------------------------------------------

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self.stations = dict(stations)
        self._ear.set_stations(self.stations)
        self.turns.keep(stations)

    # -- asking -------------------------------------------------------------------------------------------

    async def ask(self, source: str, data: bytes, timeout_s: float) -> Frame:
        """The answer of `source` to `data`; with no data, what it said when the connection was made. LinkError when
        none comes within `timeout_s` of the question (or the station's own `answer_s`)."""
        station = self.stations.get(source)
        settings = station.settings if station else {}
        answer_s = float(settings.get("answer_s", timeout_s))
        if not data:
            return await self._greeting(source, answer_s)
        tries = 1 + int(settings.get("retries", self._pace.retries if patient.get() else 0))
        while tries > 0:
            async with self._turn(source):
                answer = await self._ask_once(source, data, answer_s, settings)
            if answer is not None:
                return answer
            # From a station that has been silent for a while one question tells as much as three.
            tries = 0 if self.turns.misses(source) > DEAD_AFTER else tries - 1
        raise LinkError(f"{source}: no answer within {answer_s:g} s")

    async def tell(self, source: str, data: bytes) -> None:
        """Send, in its turn, and wait for nothing but the wire."""
        station = self.stations.get(source)
        async with self._turn(source):
            await self._prepare(source, station.settings if station else {})
            await self._put(source, data, self._ear.framing(source))

    def _turn(self, source: str) -> Any:
        return self.turns.turn(source, urgent=not patient.get(), within_s=TURN_WITHIN_S)

    async def _ask_once(self, source: str, data: bytes, answer_s: float, settings: Mapping[str, Any]) -> Frame | None:
        """One question, with the wire in hand. None when the time is over."""
        loop = asyncio.get_running_loop()
        cut, counted = self._ear.cut(source), self._tally.of(source)
        question = _Question(source, data, cut.framing, loop.create_future())
        try:
            await self._prepare(source, settings)
            if source not in self.stations or not self.stations[source].listens:
                cut.splitter.reset()  # half a frame from before is no beginning of the answer
            self._question = question
            await self._put(source, data, cut.framing)
            question.sent_at = loop.time()
            counted.asked += 1
            heard_before = self._tally.bytes_in
            try:
                await asyncio.wait((question.answer,), timeout=len(data) * self._pace.char_s + answer_s)
            except asyncio.CancelledError:
                self._owe(question, answer_s)  # the asker left; the answer may still come
                raise
            if not question.answer.done():
                self._ear.end(source)
            if not question.answer.done():
                self._missed(question, answer_s, silent=self._tally.bytes_in == heard_before)
                return None
            answer = question.answer.result()
            self._answered(question)
            return answer
        finally:
            self._question = None
            self._own.over()
            question.answer.cancel()

    async def _prepare(self, source: str, settings: Mapping[str, Any]) -> None:
        """Wait for a connection, and for quiet; a station with an `opening` gets it first on each connection."""
        await self._ready()
        if source not in self._opened and settings.get("opening"):
            if self._greetings.expects(source):
                await self._greetings.of(source, float(settings.get("answer_s", 5.0)))
            self._opened.add(source)
            await self._quiet(OPENING_S)
            for line in settings["opening"]:
                await self._put(source, line, self._ear.framing(source))
                await self._quiet(OPENING_S)
        await self._quiet(max(self._pace.gap_s, float(settings.get("turn_round_s", 0.0))))

    async def _put(self, source: str, data: bytes, framing: Framing) -> None:
        """Send."""
        self._last = source
        self._own.sending(data, framing)
        await self._write(data)
        self._tally.bytes_out += len(data)
        self.used_at = asyncio.get_running_loop().time()
        self._quiet_from = self.used_at + len(data) * self._pace.char_s

    async def _quiet(self, gap_s: float) -> None:
        """Until nothing was on the wire for `gap_s`."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + CROWDED_S + gap_s
        while (left := max(self._quiet_from, self._ear.heard_at) + gap_s - loop.time()) > 0:
            if self._ear.heard_at > self._quiet_from and loop.time() > give_up:
                self._tally.crowded += 1
                return
            await asyncio.sleep(left)

    def _answered(self, question: _Question) -> None:
        counted = self._tally.of(question.source)
        counted.answered += 1
        travel_s = len(question.data) * self._pace.char_s
        counted.latencies_s.append(max(0.0, self._ear.heard_at - question.sent_at - travel_s))
        self.turns.answered(question.source)
        self.silent_in_a_row = 0

    def _missed(self, question: _Question, answer_s: float, *, silent: bool) -> None:
        now = asyncio.get_running_loop().time()
        self._tally.of(question.source).timeouts += 1
        self.turns.missed(question.source, now - question.sent_at)
        self.silent_in_a_row = self.silent_in_a_row + 1 if silent else 0
        self._owe(question, answer_s)

    def _owe(self, question: _Question, answer_s: float) -> None:
        """Remember that the answer to this one may come late."""
        self._owed.add(question.source, question.data, asyncio.get_running_loop().time(), answer_s)

    async def _greeting(self, source: str, within_s: float) -> Frame:
        """What a station said when this connection was made."""
        async with self._turn(source):
            await self._ready()
            return await self._greetings.of(source, within_s)

    # -- hearing ------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """There is a connection, a fresh one."""
        self._forget()
        self._greetings.expect(source for source, station in self.stations.items() if station.greets)
        self._opened.clear()
        self._ear.heard_at = asyncio.get_running_loop().time()  # quiet is counted from here

    def lost(self, reason: str) -> None:
        """The connection is gone: whoever waits for an answer knows it at once."""
        if self._question is not None and not self._question.answer.done():
            self._question.answer.set_exception(LinkError(reason))
            self._question.answer.exception()  # nobody may be waiting
        self._greetings.lost(reason)
        self._forget()

    def _forget(self) -> None:
        self._ear.forget()
        self._owed.clear()
        self._own.over()
        self._last = ""

    def feed(self, data: bytes) -> None:
        """Bytes came in."""
        self._ear.heard_at = asyncio.get_running_loop().time()
        self.heard.set()
        self._tally.bytes_in += len(data)
        data = self._own.without(data)
        if data:
            self._ear.hear(self._hearers(), data)

    def _hearers(self) -> tuple[str, ...]:
        """Whose bytes these are."""
        if self._question is not None:
            return (self._question.source,)
        unasked = tuple(source for source, station in self.stations.items() if station.listens or station.greets)
        if unasked:
            return unasked
        heard = self._last or ("" if self.stations else self._raw_source)
        return (heard,) if heard else ()

    def _take(self, source: str, frame: bytes) -> None:
        greeting = self._greetings.awaits(source)
        if greeting is not None:
            greeting.set_result(self._deliver(source, frame))
            return
        question = self._question
        if question is not None and question.source == source and self._answers(question, frame):
            question.answer.set_result(self._deliver(source, frame, asked=question.data))
            return
        framing = self._ear.framing(source)
        said_by = speaker(framing, source, frame)
        counted = self._tally.of(said_by)
        if self._owed.fits(said_by, framing, frame):
            counted.late += 1
        else:
            counted.unasked += 1
        self._deliver(said_by, frame)

    def _answers(self, question: _Question, frame: bytes) -> bool:
        """Whether this is the answer, and not a late one to a question before that it would fit as well."""
        if question.answer.done() or not fits(question.framing, question.data, frame):
            return False
        late = self._owed.takes(question.source, question.framing, frame, question.data, self._ear.heard_at)
        self._tally.of(question.source).late += late
        return not late

    # -- what is known ------------------------------------------------------------------------------------

    def notes(self) -> dict[str, Any]:
        """For the link's page."""
        tally = self._tally
        return {
            "bytes_in": tally.bytes_in,
            "bytes_out": tally.bytes_out,
            **self._ear.notes(),
            "echoes": tally.echoes,
            "collisions": tally.collisions,
            "crowded": tally.crowded,
            "waiting": self.turns.waiting,
            "hears_itself": self._own.heard,
            "addresses": {source: one.notes() for source, one in tally.addresses.items()},
        }
