"""Improv over Bluetooth LE, on a connection that somebody else made.

Results may be longer than one notification carries. Then the rest follows in the next ones, or, where a device cuts
its notification off, the whole of it is read from the characteristic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from sluis.model import FrameError
from sluis.wire.improv.line import Packet
from sluis.wire.improv.radio import CAPABILITIES, COMMAND, ERROR, RESULT, STATE, Assembler, ble, pieces, unpacked, whole
from sluis.wire.improv.rpc import Ask, Can, Result, State, command, state_of
from sluis_provision.enrol.improv.device import Device
from sluis_provision.enrol.improv.problem import Gone

REST_S = 1.0
"""For the next piece of a result. Notifications of one connection follow each other in tens of milliseconds."""


class Peer(Protocol):
    """A connection to one device (`sluis.links.ble`). All raise LinkError."""

    async def read(self, uuid: str) -> bytes: ...
    async def write(self, uuid: str, data: bytes) -> None: ...
    async def notify(self, uuid: str, told: Callable[[bytes], None]) -> None: ...


class OverAir(Device):
    """Call `begin` first, and `lost` when the connection has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.can = Can(0)
        self._peer: Peer
        self._heard: asyncio.Queue[tuple[Packet, bytes] | None] = asyncio.Queue()

    def lost(self) -> None:
        self._heard.put_nowait(None)

    async def begin(self, peer: Peer) -> None:
        """See what it can, and have it tell what changes."""
        self._peer = peer
        for uuid, kind in ((STATE, Packet.STATE), (ERROR, Packet.ERROR), (RESULT, Packet.RESULT)):
            await self._peer.notify(uuid, self._listener(kind))
        told = await self._peer.read(CAPABILITIES)
        self.can = Can(told[0] & 0x0F) if told else Can(0)

    def _listener(self, kind: Packet) -> Callable[[bytes], None]:
        return lambda data: self._heard.put_nowait((kind, bytes(data)))

    async def send(self, rpc: bytes) -> None:
        while not self._heard.empty():
            self._heard.get_nowait()
        for piece in pieces(ble(rpc)):
            await self._peer.write(COMMAND, piece)

    async def next(self) -> tuple[int, bytes]:
        kind, data = await self._next()
        return kind, await self._whole(data) if kind is Packet.RESULT else data

    async def _next(self) -> tuple[Packet, bytes]:
        heard = await self._heard.get()
        if heard is None:
            self.lost()  # for whoever asks next
            raise Gone(f"{self.name} has ended the connection")
        return heard

    async def _whole(self, data: bytes) -> bytes:
        """A result without its checksum; empty when it stays damaged."""
        assembler = Assembler()
        try:
            found = assembler.feed(data)
            async with asyncio.timeout(REST_S):
                while found is None:
                    kind, more = await self._next()
                    found = assembler.feed(more) if kind is Packet.RESULT else None
            return found
        except FrameError:
            return b""
        except TimeoutError:
            kept = await self._peer.read(RESULT)
            try:
                return unpacked(kept) if whole(kept) else b""
            except FrameError:
                return b""

    async def state(self) -> State:
        """Implausible when it is in none that there is."""
        told = await self._peer.read(STATE)
        return state_of(told[0] if told else 0)

    async def identify(self) -> bool:
        """Have it show itself; False when it cannot."""
        if not self.can & Can.IDENTIFY:
            return False
        await self.send(command(Ask.IDENTIFY))
        return True

    def _scanned(self, told: Result) -> bool:
        return True
