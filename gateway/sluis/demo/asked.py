"""Devices of the office that do not speak by themselves: each stands at a TCP port and answers when it is asked.

The protocol side is a server of its own (pymodbus's, or a device of `demo.av`) at a port nobody knows. `Front` is the
device as the network sees it: it hands on what it hears, and what is answered passes the misbehaviour on its way out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from sluis.demo.mischief import Kind, Mischief, Order
from sluis.demo.standin import Message, Now

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PIECE = 4096
"""Bytes handed on at once."""


class Asked(Protocol):
    """A device that is asked."""

    name: str

    def serving(self) -> AbstractAsyncContextManager[int]:
        """It answers at a port of its own choice while the context lasts."""
        ...

    def stick(self, stuck: bool) -> None:
        """Its sensors freeze, or work again."""
        ...


class Front:
    """One such device on the network. `port` is where it is found."""

    def __init__(self, device: Asked, port: int) -> None:
        self.device = device
        self.port = port
        self.mischief = Mischief()
        self._behind = 0
        self._server: asyncio.Server | None = None
        self._lines: dict[str, asyncio.StreamWriter] = {}
        self._relays: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def on_the_network(self) -> AsyncIterator[None]:
        """It can be asked while the context lasts."""
        async with self.device.serving() as self._behind:
            await self._listen()
            try:
                yield
            finally:
                self._vanish()
                await asyncio.gather(*self._relays)

    async def tick(self, now: Now) -> None:
        """What is due: coming back to the network, late answers, a share of a flood."""
        if not self.mischief.is_(Kind.STUCK, now.s):
            self.device.stick(False)
        if self._server is None and not self.mischief.is_(Kind.DROP, now.s):
            await self._listen()
        for said in self.mischief.tick(now.s):
            self._say(said)

    def misbehave(self, order: Order, now: Now) -> None:
        """Start (or end) misbehaving."""
        self.mischief.start(order, now.s)
        self.device.stick(order.kind is Kind.STUCK)
        if order.kind is Kind.DROP:
            self._vanish()

    async def _listen(self) -> None:
        try:
            self._server = await asyncio.start_server(self._called, HOST, self.port)
        except OSError as error:
            log.debug("%s: port %s: %s", self.device.name, self.port, error)
            return
        self.port = self._server.sockets[0].getsockname()[1]

    def _vanish(self) -> None:
        """No port, no connections, no goodbye."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._lines.values():
            writer.transport.abort()

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connected."""
        relay = asyncio.ensure_future(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it."""
        name = str(next(self._numbers))
        self._lines[name] = writer
        try:
            inner, onward = await asyncio.open_connection(HOST, self._behind)
            answering = asyncio.ensure_future(self._answers(name, inner))
            answering.add_done_callback(lambda _: writer.close())
            try:
                while data := await reader.read(PIECE):
                    onward.write(data)
            finally:
                onward.close()
                await answering
        except OSError:
            pass  # one end is gone
        finally:
            del self._lines[name]
            writer.close()

    async def _answers(self, name: str, inner: asyncio.StreamReader) -> None:
        """What the device says on a connection, as its misbehaviour lets it out."""
        now_s = asyncio.get_running_loop().time
        with contextlib.suppress(OSError):
            while data := await inner.read(PIECE):
                for said in self.mischief.outgoing([Message(name, data)], now_s()):
                    self._say(said)

    def _say(self, said: Message) -> None:
        """Late answers of a connection that is gone are lost."""
        writer = self._lines.get(said.topic)
        if writer is not None and not writer.is_closing():
            writer.write(said.payload)
