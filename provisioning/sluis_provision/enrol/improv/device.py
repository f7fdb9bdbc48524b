"""A device that is spoken to in Improv, whichever way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from sluis.model import FrameError
from sluis.model.nodes import NODE_ID
from sluis.wire.improv.line import Packet
from sluis.wire.improv.rpc import About, Ask, Fault, Result, Seen, State, about, command, fault_of, join, read_result
from sluis.wire.improv.rpc import seen as networks_in
from sluis_provision.enrol.improv.problem import BadAnswer, Gone, Locked, NoImprov, NotJoined

ANSWER_S = 3.0
"""Until anything comes back at all. A device says at once that it has heard; one that is just scanning for its own
purposes takes two seconds. Longer only makes it slower to find that nobody is there."""

TRIES = 3
"""Times a question is asked that nobody answers: one may have been damaged by the device's start."""

DONE_S = 15.0
"""For what a device does while we wait: a scan takes an ESP32 some three seconds, in a busy house ten."""

JOIN_S = 75.0
"""For joining. A node tries for 20 s after it has let go of what it was trying (20 s); others take up to a minute."""


class Device:
    """Base: `send` and `next` are the way."""

    name = ""
    """What people call the way: a port, or an address."""
    _has_joined = False
    """Whether it said so since it was told a network."""

    async def send(self, rpc: bytes) -> None:
        raise NotImplementedError

    async def next(self) -> tuple[int, bytes]:
        """The next thing it says: a `Packet` (or a number that is none) and its data, without checksums. Gone when the
        connection is."""
        raise NotImplementedError

    async def state(self) -> State:
        raise NotImplementedError

    async def about(self) -> About:
        return about(await self._answer(Ask.ABOUT))

    async def host(self) -> str:
        """Its host name; "" when it does not tell."""
        try:
            told = await self._answer(Ask.HOSTNAME)
        except BadAnswer:
            return ""
        return told.strings[0] if told.strings else ""

    async def rename(self, host: str) -> str:
        """Give it another host name; the one it has now. BadAnswer when it will have none of that."""
        told = await self._answer(Ask.HOSTNAME, host.encode())
        return told.strings[0] if told.strings else host

    async def scan(self) -> tuple[Seen, ...]:
        """The networks that it hears, the strongest first; none when it cannot tell."""
        try:
            told = await self._ask(command(Ask.SCAN), Ask.SCAN, DONE_S, self._scanned)
        except BadAnswer:
            return ()
        found = [one for result in told for one in networks_in(result)]
        return tuple(sorted(found, key=lambda one: -one.rssi_dbm))

    def _scanned(self, told: Result) -> bool:
        """Whether this is the last result of a scan."""
        return not told.strings

    async def join(self, ssid: str, password: str) -> str:
        """Tell it a network; the address of its page, "" where it has none. NotJoined, Locked."""
        (told,) = await self._ask(join(ssid, password), Ask.JOIN, JOIN_S)
        return told.strings[0] if told.strings else ""

    async def _answer(self, ask: Ask, data: bytes = b"") -> Result:
        (told,) = await self._ask(command(ask, data), ask, DONE_S)
        return told

    async def _ask(
        self, rpc: bytes, asked: int, within_s: float, last: Callable[[Result], bool] = lambda _: True
    ) -> list[Result]:
        """The results of a command, up to the last. NoImprov when nothing comes in all that time; BadAnswer and its
        like when it refuses. What is damaged on the way is asked for again."""
        for _ in range(TRIES):
            await self.send(rpc)
            heard = self._has_joined = False
            try:
                async with asyncio.timeout(ANSWER_S) as patience:
                    kind, data = await self.next()
                    heard = True
                    patience.reschedule(asyncio.get_running_loop().time() + within_s)
                    if (found := await self._results(kind, data, asked, last)) is not None:
                        return found
            except Gone:
                if not self._has_joined:
                    raise
                return [Result(asked)]  # some leave as soon as they have what they wanted
            except TimeoutError:
                if heard and asked == Ask.JOIN:
                    break  # it is still trying, or has hung: asking again would not help
        raise NoImprov(f"{self.name} does not answer to Improv")

    async def _results(self, kind: int, data: bytes, asked: int, last: Callable[[Result], bool]) -> list[Result] | None:
        """What follows; None when the device found the command damaged."""
        found: list[Result] = []
        while True:
            if kind == Packet.ERROR and data:
                fault = fault_of(data[0])
                if fault is Fault.BAD_PACKET:
                    return None
                self._judge(fault, asked)
            elif kind == Packet.STATE and data:
                self._has_joined = asked == Ask.JOIN and data[0] == State.JOINED
            elif kind == Packet.RESULT and (told := _read(data)) is not None and told.asked == asked:
                found.append(told)
                if last(told):
                    return found
            kind, data = await self.next()

    def _judge(self, fault: Fault, asked: int) -> None:
        if fault is Fault.NOT_JOINED:
            raise NotJoined(f"{self.name} could not join the network")
        if fault is Fault.LOCKED:
            raise Locked(f"{self.name} is locked")
        if fault is not Fault.NONE:
            raise BadAnswer(f"{self.name} refuses ({fault.name.lower().replace('_', ' ')}, command {asked})")


def _read(data: bytes) -> Result | None:
    """None for one that is damaged: it is asked for again."""
    try:
        return read_result(data)
    except FrameError:
        return None


def node_of(host: str) -> str:
    """The id of the node that has this host name; "" for another's device."""
    found = re.fullmatch(r"sluis-([0-9a-f]+)", host)
    return found[1] if found and NODE_ID.fullmatch(found[1]) else ""
