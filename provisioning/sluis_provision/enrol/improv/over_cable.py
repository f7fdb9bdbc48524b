"""Improv on a serial port, among a device's log and its prompt."""

from __future__ import annotations

import asyncio
from collections import deque

from sluis.model import FrameError
from sluis.wire.improv.line import Heard, Packet, Reader, serial
from sluis.wire.improv.rpc import Ask, State, command, state_of
from sluis_provision.enrol.improv.device import ANSWER_S, TRIES, Device
from sluis_provision.enrol.improv.problem import NoImprov
from sluis_provision.flashers.port import Port

FOREVER_S = 3600.0
"""Whoever waits has a deadline of their own."""


class OverCable(Device):
    """On a port that is open, and stays so."""

    def __init__(self, port: Port) -> None:
        self.name = port.name
        self._port = port
        self._reader = Reader()
        self._heard: deque[Heard] = deque()

    async def send(self, rpc: bytes) -> None:
        # What came before is no answer to this. The end of a line parts us from what somebody typed.
        self._heard.clear()
        await self._port.write(b"\n" + serial(Packet.COMMAND, rpc) + b"\n")

    async def next(self) -> tuple[int, bytes]:
        while not self._heard:
            data = await self._port.exactly(1, within_s=FOREVER_S) + self._port.drop()
            self._heard += self._reader.feed(data)
        heard = self._heard.popleft()
        return heard.kind, heard.data

    async def state(self) -> State:
        """NoImprov when nobody says one."""
        for _ in range(TRIES):
            await self.send(command(Ask.STATE))
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._stated()
            except TimeoutError:
                continue
        said = self._reader.noise[-80:]
        tail = f"; last heard: {said!r}" if said.strip() else "; it says nothing"
        raise NoImprov(f"nothing on {self.name} answers to Improv{tail}")

    async def _stated(self) -> State:
        while True:
            kind, data = await self.next()
            if kind == Packet.STATE and data:
                try:
                    return state_of(data[0])
                except FrameError:
                    continue
