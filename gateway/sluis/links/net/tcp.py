"""One device, or several behind one address, over a TCP connection that is made when it is needed."""

from __future__ import annotations

import asyncio
import socket

from sluis.links.exchange.exchange import Deliver
from sluis.links.net.address import Address
from sluis.links.net.peer import PIECE, Peer
from sluis.links.net.settings import NetSettings
from sluis.runtime.patience import patient
from sluis.runtime.supervisor import Backoff

DEAF = 3
"""Questions in a row without a single byte after which the connection is made anew: a device that was switched off and
on knows nothing of the old one, and the system notices only after its keep-alive."""

UNSENT = 65_536
"""Bytes that may wait for a device that does not read. More, and it is taken for gone."""


class _Stream(asyncio.Protocol):
    """One connection. What comes of it after it was given up is nobody's."""

    def __init__(self, peer: TcpPeer) -> None:
        self._peer = peer
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._peer.made(transport)

    def data_received(self, data: bytes) -> None:
        self._peer.received(self.transport, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._peer.lost(self.transport, str(error) if error else "the device closed the connection")


class TcpPeer(Peer):
    """There is at most one connection at a time."""

    def __init__(self, address: Address, settings: NetSettings, deliver: Deliver) -> None:
        super().__init__(address, settings, deliver)
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._backoff = Backoff(cap_s=settings.reconnect_cap_s)
        self._not_before = 0.0
        self._held = bytearray()
        self._alarm: asyncio.TimerHandle | None = None

    # -- making the connection ----------------------------------------------------------------------------

    async def ready(self) -> None:
        if self.exchange.silent_in_a_row >= DEAF:
            self.exchange.silent_in_a_row = 0
            self._drop("it does not answer")
        if self._transport is not None:
            return
        left_s = self._not_before - asyncio.get_running_loop().time()
        if left_s > 0 and patient.get():
            raise self._unreachable(f"{self.reason}; next try in {left_s:.0f} s")
        await self._connected()

    async def _connected(self) -> None:
        """Connect; whoever comes meanwhile waits for the same try."""
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._tried)
        await asyncio.shield(self._connecting)

    def _tried(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # whoever waited has it

    async def _connect(self) -> None:
        self.state = "connecting"
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await loop.create_connection(lambda: _Stream(self), self.address.host, self.address.port)
        except (OSError, TimeoutError) as error:
            self.reason = _why(error, self._settings.connect_s)
            self.state = "waiting"
            self._not_before = loop.time() + self._backoff.next_s()
            raise self._unreachable(self.reason) from error

    def made(self, transport: asyncio.Transport) -> None:
        """A connection."""
        self._transport = transport
        _keep_alive(transport.get_extra_info("socket"), self._settings.keep_alive_s)
        self.state, self.reason = "connected", ""
        self.connections += 1
        self.exchange.used_at = asyncio.get_running_loop().time()
        self.exchange.connected()

    def lost(self, transport: asyncio.Transport | None, reason: str) -> None:
        if transport is self._transport:
            self._gone(reason)

    # -- using it -----------------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise self._unreachable(self.reason or "the connection is gone")
        transport.write(data)
        if transport.get_write_buffer_size() > UNSENT:
            self._drop("it takes nothing in")
            raise self._unreachable(self.reason)

    def received(self, transport: asyncio.Transport | None, data: bytes) -> None:
        if transport is not self._transport:
            return
        self._backoff.reset()
        self._held += data
        if self._alarm is None:
            self._pump()

    def _pump(self) -> None:
        """Cut what is held, as long as the device keeps to its frames per second."""
        self._alarm = None
        while self._held:
            wait_s = self.full_s()
            if wait_s and self._transport is not None:
                self.floods += 1
                self._transport.pause_reading()
                self._alarm = asyncio.get_running_loop().call_later(wait_s, self._pump)
                return
            piece = bytes(self._held[:PIECE])
            del self._held[:PIECE]
            self.exchange.feed(piece)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # -- the end of it ------------------------------------------------------------------------------------

    def tend(self) -> None:
        loop = asyncio.get_running_loop()
        if self._transport is not None:
            if not self.listens and self.idle:
                self._drop("")
        elif self.listens and self._connecting is None and loop.time() >= self._not_before:
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._tried)

    def close(self, reason: str) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        self._drop(reason)

    def _drop(self, reason: str) -> None:
        """Close from our side."""
        if self._transport is not None:
            self._transport.abort()
            self._gone(reason)

    def _gone(self, reason: str) -> None:
        self._transport = None
        self._held.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.state, self.reason = ("waiting" if self.listens else "idle"), reason
        if reason:
            self._not_before = asyncio.get_running_loop().time() + self._backoff.next_s()
        self.exchange.lost(f"{self.address}: {reason or 'closed'}")


def _keep_alive(line: socket.socket, every_s: int) -> None:
    """Have the system notice within some two times `every_s` that the other side is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, every_s))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, every_s // 3))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2_000 * max(1, every_s))


def _why(error: BaseException, within_s: float) -> str:
    """The reason in words."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "its name is unknown"
    if isinstance(error, TimeoutError):
        return f"no connection within {within_s:g} s"
    return getattr(error, "strerror", "") or str(error)
