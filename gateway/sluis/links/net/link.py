"""The net link: devices over TCP and UDP, each with its own connection, which is made when it is asked or listened to.

The link itself is up as long as it runs. Whether one device can be reached is told by its requests, and on the link's
page under `peers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from sluis.links.loop import LoopLink
from sluis.links.net.address import Address, parse
from sluis.links.net.peer import Peer
from sluis.links.net.ping import PING, ping
from sluis.links.net.settings import NetSettings
from sluis.links.net.tcp import TcpPeer
from sluis.links.net.udp import Port, UdpPeer
from sluis.model import Frame, LinkError
from sluis.runtime import Clock
from sluis.sdk import Station

TEND_S = 0.2
"""How often connections are looked after: closed when idle, made where a device is listened to."""

STRANGERS_PER_S = 100
"""Packets a second taken from UDP senders that no station stands for (answers to a broadcast)."""


class NetLink(LoopLink):
    """Sources are `HOST:PORT[/UNIT]` and `udp:HOST:PORT`."""

    kind: ClassVar[str] = "net"

    def __init__(self, settings: NetSettings, clock: Clock) -> None:
        super().__init__(settings.name, clock)
        self._settings = settings
        self._peers: dict[Address, Peer] = {}
        self._ports: dict[int | Address, Port] = {}
        self._second = self._strangers = 0

    async def run(self) -> None:
        self._came_up()
        try:
            while True:
                for address, peer in tuple(self._peers.items()):
                    peer.tend()
                    if not peer.exchange.stations and peer.state in ("idle", "waiting") and peer.idle:
                        del self._peers[address]  # somebody sent there once
                await self._clock.sleep(TEND_S)
        finally:
            for peer in self._peers.values():
                peer.close("the link was stopped")
            for port in self._ports.values():
                port.close()
            self._ports.clear()
            self._went_down("stopped")

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        await self._peer(to).exchange.tell(to, data)
        self._sent += 1

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """With a `reply` that is not `to` the answer is the next frame that fits it: `+` after a broadcast."""
        if to.startswith(PING):
            return self._deliver(to, await ping(to.removeprefix(PING)))
        peer = self._peer(to)
        self._sent += bool(data)
        if not reply or reply == to:
            return await peer.exchange.ask(to, data, timeout_s)
        answer = asyncio.ensure_future(self._answer(reply, timeout_s))
        try:
            await asyncio.sleep(0)  # it listens
            await peer.exchange.tell(to, data)
            return await answer
        finally:
            answer.cancel()

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        super().set_stations(stations)
        grouped: dict[Address, dict[str, Station]] = {}
        for source, station in stations.items():
            try:
                grouped.setdefault(parse(source), {})[source] = station
            except LinkError:
                continue  # asking it says what is wrong
        for address in (*grouped, *self._peers):
            self._make(address).set_stations(grouped.get(address, {}))

    def notes(self) -> Mapping[str, Any]:
        return {"peers": {str(address): peer.notes() for address, peer in self._peers.items()}}

    # -- peers --------------------------------------------------------------------------------------------

    def _peer(self, to: str) -> Peer:
        if not self.up:
            raise LinkError(f"{self.name} is down: {self._reason}")
        return self._make(parse(to))

    def _make(self, address: Address) -> Peer:
        held = self._peers.get(address)
        if held is None:
            held = self._peers[address] = self._udp(address) if address.udp else TcpPeer(*self._given(address))
        return held

    def _given(self, address: Address) -> tuple[Address, NetSettings, Any]:
        return address, self._settings, self._deliver

    def _udp(self, address: Address) -> UdpPeer:
        return UdpPeer(*self._given(address), partial(self._port_of, address), partial(self._leave, address))

    # -- UDP ports ----------------------------------------------------------------------------------------

    def _port_of(self, address: Address) -> Port:
        """The local port that this peer sends from: the one its station names, or one of its own."""
        stations = self._peers[address].exchange.stations.values()
        number = next((int(one.settings["local_port"]) for one in stations if one.settings.get("local_port")), 0)
        key = number or address
        if key not in self._ports:
            self._ports[key] = Port(number, partial(self._heard, None if number else address))
        return self._ports[key]

    def _leave(self, address: Address) -> None:
        """This peer needs its socket no more. A local port that others may use stays open."""
        port = self._ports.pop(address, None)
        if port is not None:
            port.close()

    def _heard(self, owner: Address | None, host: str, number: int, data: bytes) -> None:
        peer = self._sender(owner, host, number)
        if peer is not None:
            peer.heard(data)
            return
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._strangers = second, 0
        self._strangers += 1
        if self._strangers <= STRANGERS_PER_S:
            self._deliver(str(Address(host, number, udp=True)), data)
        else:
            self._dropped += 1

    def _sender(self, owner: Address | None, host: str, number: int) -> UdpPeer | None:
        """Whose packet this is: a device may answer from another port than it was asked at."""
        peers = [peer for peer in self._peers.values() if isinstance(peer, UdpPeer) and peer.resolved == host]
        exact = next((peer for peer in peers if peer.address.port == number), None)
        if exact is not None or owner is None:
            return exact or (peers[0] if peers else None)
        return next((peer for peer in peers if peer.address == owner), None)
