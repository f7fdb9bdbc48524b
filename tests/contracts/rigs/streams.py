"""Devices that speak lines over a pseudo terminal, a serial server, TCP and UDP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import tty
from pathlib import Path
from typing import Any

from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.runtime import SystemClock
from sluis.sdk import Framing, Station
from tests.contracts.rigs import Make, Rig

LINES = Framing(end=b"\r", same=((1, 1, 4),))
"""Question `?0001`, answer `=0001`; news begin with `!`."""


class Device:
    """What answers, whatever carries it."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._mute = False
        self._owed: list[bytes] = []
        self._held = b""

    def mute(self, on: bool) -> list[bytes]:
        """The answers that come out now."""
        self._mute = on
        owed, self._owed = self._owed, []
        return [] if on else owed

    def hear(self, data: bytes) -> list[bytes]:
        """Bytes arrived; the answers."""
        *lines, self._held = (self._held + data).split(b"\r")
        self.asked += lines
        answers = [b"=" + line[1:] + b"\r" for line in lines]
        if self._mute:
            self._owed += answers
            return []
        return answers


class Far:
    """The far side of a stream. `say` sends to the link."""

    def __init__(self) -> None:
        self.device = Device()

    async def open(self) -> None:
        raise NotImplementedError

    async def cut(self) -> None:
        raise NotImplementedError

    async def say(self, data: bytes) -> None:
        raise NotImplementedError

    def heard(self, data: bytes) -> None:
        for answer in self.device.hear(data):
            self.send(answer)

    def send(self, data: bytes) -> None:
        """At once, for little."""
        raise NotImplementedError


class PtyFar(Far):
    """A pseudo terminal behind a name that stays, as udev gives one."""

    def __init__(self, name: Path) -> None:
        super().__init__()
        self._name = name
        self._master = -1

    async def open(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self._name.unlink(missing_ok=True)
        self._name.symlink_to(os.ttyname(slave))
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def cut(self) -> None:
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            self._master = -1
            self._name.unlink()

    def _readable(self) -> None:
        with contextlib.suppress(OSError):  # EIO while nobody has the other end open
            self.heard(os.read(self._master, 4096))

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    async def say(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                room = asyncio.Event()
                loop.add_writer(self._master, room.set)
                await room.wait()
                loop.remove_writer(self._master)


class TcpFar(Far):
    """A TCP server on one port."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.connected = asyncio.Event()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connected.set()
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                self.heard(data)
        self._writers.discard(writer)
        if not self._writers:
            self.connected.clear()
        writer.close()

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def send(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def say(self, data: bytes) -> None:
        await self.connected.wait()
        for writer in tuple(self._writers):
            writer.write(data)
            await writer.drain()


class UdpFar(Far, asyncio.DatagramProtocol):
    """A UDP socket; it speaks to whoever spoke to it last."""

    def __init__(self, port: int, home: int) -> None:
        super().__init__()
        self.port, self._home = port, home
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", self.port))

    async def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def datagram_received(self, data: bytes, source: Any) -> None:
        self.heard(data)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(data, ("127.0.0.1", self._home))

    async def say(self, data: bytes) -> None:
        """A packet for each line; not faster than they are read (one in each turn of the event loop)."""
        for line in data.split(b"\r")[:-1]:
            self.send(line + b"\r")
            await asyncio.sleep(0)
            await asyncio.sleep(0)


class StreamRig:
    """A link of lines and its far side."""

    def __init__(self, link: Any, far: Far, source: str, *, port_is_link: bool, **settings: Any) -> None:
        self.link, self.far, self.source, self.port_is_link = link, far, source, port_is_link
        self.question = self.ask(0)
        self.notices = not source.startswith("udp:")
        self._settings = settings
        self._running: asyncio.Task[None] | None = None

    def ask(self, n: int) -> bytes:
        return b"?%04d\r" % n

    def answer(self, n: int) -> bytes:
        return b"=%04d" % n

    @property
    def asked(self) -> list[bytes]:
        return [line + b"\r" for line in self.far.device.asked]

    async def start(self) -> None:
        if self._running is None:
            with contextlib.suppress(OSError):
                await self.heal()
        station = Station(self.source, LINES, listens=True, settings=self._settings)
        self.link.set_stations({self.source: station})
        self._running = asyncio.ensure_future(self.link.run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def close(self) -> None:
        await self.far.cut()

    async def feed(self, *frames: bytes) -> None:
        await self.far.say(b"".join(frame + b"\r" for frame in frames))

    async def lose(self) -> None:
        await self.far.cut()

    async def heal(self) -> None:
        await self.far.open()

    def mute(self, on: bool) -> None:
        for answer in self.far.device.mute(on):
            self.far.send(answer)


FAST = NetSettings(connect_s=1.0, reconnect_cap_s=0.3, flood_per_s=100_000)


def serial_settings(port: str, **others: Any) -> SerialSettings:
    return SerialSettings("bus", port, baud=115_200, settle_s=0.05, reconnect_cap_s=0.3, **others)


def _pty(folder: Path, backend: Any) -> Rig:
    link = SerialLink(serial_settings(str(folder / "port"), backend=backend), SystemClock())
    return StreamRig(link, PtyFar(folder / "port"), "bus/1", port_is_link=True)


def _server(backend: Any) -> Rig:
    port = _free_port()
    link = SerialLink(serial_settings(f"socket://127.0.0.1:{port}", backend=backend), SystemClock())
    return StreamRig(link, TcpFar(port), "bus/1", port_is_link=True)


def _tcp(folder: Path) -> Rig:
    port = _free_port()
    return StreamRig(NetLink(FAST, SystemClock()), TcpFar(port), f"127.0.0.1:{port}", port_is_link=False)


def _udp(folder: Path) -> Rig:
    port, home = _free_port(), _free_port()
    link = NetLink(FAST, SystemClock())
    return StreamRig(link, UdpFar(port, home), f"udp:127.0.0.1:{port}", port_is_link=False, local_port=home)


def _free_port() -> int:
    from tests.conftest import a_free_port

    return a_free_port()


RIGS: dict[str, Make] = {
    "serial-serialx": lambda folder: _pty(folder, "serialx"),
    "serial-pyserial": lambda folder: _pty(folder, "pyserial"),
    "server-serialx": lambda folder: _server("serialx"),
    "server-pyserial": lambda folder: _server("pyserial"),
    "tcp": _tcp,
    "udp": _udp,
}
