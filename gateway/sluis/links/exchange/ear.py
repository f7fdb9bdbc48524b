"""What comes in on a shared stream, cut for those whose bytes it is: each by its own framing, and by silence where
silence says something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sluis.links.exchange.cutting import RAW, by_silence, cutter
from sluis.links.exchange.tally import Tally
from sluis.sdk import Framing, Station
from sluis.wire.framing import Splitter


@dataclass
class Cut:
    """How one source's bytes are cut, and what of a frame has come."""

    framing: Framing
    splitter: Splitter


class Ear:
    """`take` gets every whole frame with its source."""

    def __init__(self, take: Callable[[str, bytes], None], tally: Tally) -> None:
        self.heard_at = 0.0
        """When the last byte came, by the loop's clock."""
        self._take = take
        self._tally = tally
        self._stations: Mapping[str, Station] = {}
        self._cuts: dict[str, Cut] = {}
        self._hearing: tuple[str, ...] = ()
        self._alarm: asyncio.TimerHandle | None = None

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self._stations = stations
        for source, cut in tuple(self._cuts.items()):
            if self.framing(source) != cut.framing or source not in stations:
                self._count(self._cuts.pop(source))

    def framing(self, source: str) -> Framing:
        station = self._stations.get(source)
        return (station.framing if station else None) or RAW

    def cut(self, source: str) -> Cut:
        held = self._cuts.get(source)
        if held is None:
            framing = self.framing(source)
            held = self._cuts[source] = Cut(framing, cutter(framing))
        return held

    def hear(self, sources: tuple[str, ...], data: bytes) -> None:
        """Bytes that are these sources'."""
        self._hearing = sources
        if not sources:
            self._tally.noise += len(data)
        for source in sources:
            self._hand_on(self.cut(source).splitter.feed(data), source)
        self._watch_silence()

    def end(self, source: str) -> None:
        """Nothing more is waited for: what this source has said is whole, or it is nothing."""
        self._hand_on(self.cut(source).splitter.silence(), source)

    def forget(self) -> None:
        """Half a frame of a connection that is gone is no beginning of one on the next."""
        for cut in self._cuts.values():
            cut.splitter.reset()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def notes(self) -> dict[str, int]:
        tally, cuts = self._tally, [cut.splitter for cut in self._cuts.values()]
        return {
            "noise": tally.noise + sum(one.noise for one in cuts),
            "crc": tally.bad + sum(one.bad for one in cuts),
            "too_long": tally.too_long + sum(one.dropped for one in cuts),
        }

    def _hand_on(self, frames: Iterable[bytes], source: str) -> None:
        for frame in frames:
            if frame:  # an empty line says nothing
                self._take(source, frame)

    def _count(self, cut: Cut) -> None:
        """Keep the counters of a splitter that goes."""
        self._tally.noise += cut.splitter.noise
        self._tally.bad += cut.splitter.bad
        self._tally.too_long += cut.splitter.dropped

    # -- silence ------------------------------------------------------------------------------------------

    def _gap_s(self) -> float:
        """The silence that says something to whoever is heard; 0 for none."""
        cuts = (self.cut(source) for source in self._hearing)
        return max((cut.framing.gap_s for cut in cuts if by_silence(cut.framing) and cut.splitter.holding), default=0.0)

    def _watch_silence(self) -> None:
        gap_s = self._gap_s()
        if gap_s and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(gap_s, self._silence)

    def _silence(self) -> None:
        self._alarm = None
        gap_s, loop = self._gap_s(), asyncio.get_running_loop()
        left_s = self.heard_at + gap_s - loop.time()
        if left_s > 0.0005:  # something came since
            self._alarm = loop.call_later(left_s, self._silence)
            return
        for source in self._hearing:
            self.end(source)
