"""Devices over UDP: a socket of its own for each, or one local port that several share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from sluis.links.exchange.exchange import Deliver
from sluis.links.net.address import Address
from sluis.links.net.peer import Peer
from sluis.links.net.settings import NetSettings
from sluis.model import LinkError
from sluis.runtime.supervisor import Backoff

Heard = Callable[[str, int, bytes], None]
"""`(host, port, data)`: a packet and whom it came from."""


class Port(asyncio.DatagramProtocol):
    """One local port. It may broadcast."""

    def __init__(self, number: int, heard: Heard) -> None:
        self.number = number
        self._heard = heard
        self._transport: asyncio.DatagramTransport | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> asyncio.DatagramTransport:
        """LinkError when the port is taken."""
        async with self._opening:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                try:
                    await loop.create_datagram_endpoint(
                        lambda: self,
                        local_addr=("0.0.0.0", self.number),  # noqa: S104  (devices are on any of our networks)
                        allow_broadcast=True,
                        family=socket.AF_INET,
                    )
                except OSError as error:
                    raise LinkError(f"UDP port {self.number} cannot be had: {error.strerror}") from error
            assert self._transport is not None
            return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self._heard(source[0], source[1], data)

    def error_received(self, error: Exception) -> None:
        """A port unreachable: the time-out of the question tells it."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class UdpPeer(Peer):
    """One address. `port` gives the socket to send from."""

    def __init__(
        self,
        address: Address,
        settings: NetSettings,
        deliver: Deliver,
        port: Callable[[], Port],
        done: Callable[[], None],
    ) -> None:
        super().__init__(address, settings, deliver)
        self.resolved = ""
        """Its IP address, once it was asked for."""
        self._port, self._done = port, done
        self._transport: asyncio.DatagramTransport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._backoff = Backoff(cap_s=settings.reconnect_cap_s)
        self._not_before = 0.0

    async def ready(self) -> None:
        if self._transport is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.connect_s):
                found = await loop.getaddrinfo(
                    self.address.host, self.address.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
                )
        except (OSError, TimeoutError) as error:
            self.state, self.reason = "waiting", "its name is unknown"
            raise self._unreachable(self.reason) from error
        self.resolved = str(found[0][4][0])
        try:
            self._transport = await self._port().open()
        except LinkError as error:
            self.state, self.reason = "waiting", str(error)
            raise
        self.state, self.reason = "connected", ""
        self.exchange.used_at = loop.time()
        self.exchange.connected()

    async def write(self, data: bytes) -> None:
        if self._transport is None:
            raise self._unreachable("closed")
        self._transport.sendto(data, (self.resolved, self.address.port))

    def heard(self, data: bytes) -> None:
        """A packet of this device."""
        if self.full_s():
            self.floods += 1
            return
        self.exchange.feed(data)

    def tend(self) -> None:
        if self._transport is not None and not self.listens and self.idle:
            self.close("")
        elif self._transport is None and self.listens and self._opening is None and self._due():
            self._opening = asyncio.ensure_future(self.ready())
            self._opening.add_done_callback(self._tried)

    def _due(self) -> bool:
        return asyncio.get_running_loop().time() >= self._not_before

    def _tried(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled() and task.exception() is not None:  # told by state and reason
            self._not_before = asyncio.get_running_loop().time() + self._backoff.next_s()

    def close(self, reason: str) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport, self.state, self.reason = None, "idle", reason
            self.exchange.lost(f"{self.address}: {reason or 'closed'}")
            self._done()
