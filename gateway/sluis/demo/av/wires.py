"""The wires of the stand-ins: a TCP port, a UDP port, a pseudo terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from typing import cast

from sluis.demo.av.device import AvDevice, Session
from sluis.wire.framing import Splitter, splitter

TICK_S = 0.05
"""How often a device looks at its own clock."""


class _Wire:
    """One connection: bytes in, frames to the device, what it says out."""

    def __init__(self, device: AvDevice, write: Callable[[bytes], object]) -> None:
        self.session = Session()
        self._device, self._write = device, write
        self._splitter: Splitter = splitter(**device.framing)
        self.say(device.opened(self.session, _now_s()))

    def feed(self, data: bytes) -> None:
        for frame in self._splitter.feed(data):
            self.say(self._device.heard(self.session, frame, _now_s()))
            if not self.session.is_open:
                return

    def say(self, data: bytes) -> None:
        if data:
            self._write(data)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def on_tcp(device: AvDevice, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """The device listens on a TCP port, whose number this gives, while the context lasts."""
    wires: dict[_Wire, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = _Wire(device, writer.write)
        wires[wire] = writer
        try:
            while wire.session.is_open and (data := await reader.read(4096)):
                wire.feed(data)
        except ConnectionError:
            pass
        finally:
            del wires[wire]
            writer.close()

    server = await asyncio.start_server(serve, host, port)

    def say(data: bytes) -> None:
        for wire in wires:
            wire.say(data)

    async with _living(device, say):
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for writer in list(wires.values()):
                writer.close()
            await server.wait_closed()


@contextlib.asynccontextmanager
async def on_serial(device: AvDevice) -> AsyncIterator[str]:
    """The device hangs on a serial line, whose path this gives, while the context lasts."""
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    loop = asyncio.get_running_loop()
    wire = _Wire(device, lambda data: os.write(near, data))

    def readable() -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            wire.feed(os.read(near, 4096))

    loop.add_reader(near, readable)
    async with _living(device, wire.say):
        try:
            yield os.ttyname(far)
        finally:
            loop.remove_reader(near)
            os.close(near)
            os.close(far)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, device: AvDevice) -> None:
        self._device, self._session = device, Session()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        said = self._device.heard(self._session, data, _now_s())
        if said and self._transport is not None:
            self._transport.sendto(said, source)


@contextlib.asynccontextmanager
async def on_udp(device: AvDevice, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """The device answers packets on a UDP port, whose number this gives, while the context lasts."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(device), local_addr=(host, port))
    async with _living(device, lambda _: None):
        try:
            yield int(transport.get_extra_info("sockname")[1])
        finally:
            transport.close()


@contextlib.asynccontextmanager
async def _living(device: AvDevice, say: Callable[[bytes], object]) -> AsyncIterator[None]:
    """The device's own clock runs, and what it tells unasked is said."""

    async def live() -> None:
        while True:
            device.tick(_now_s())
            told, device.told = device.told, []
            for data in told:
                say(data)
            await asyncio.sleep(TICK_S)

    living = asyncio.ensure_future(live())
    try:
        yield
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
