"""What the far ends of the net link have in common: one exchange each, a limit to what they may send, a state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sluis.links.exchange import Exchange
from sluis.links.exchange.exchange import Deliver
from sluis.links.net.address import Address
from sluis.links.net.settings import NetSettings
from sluis.model import Frame, LinkError
from sluis.sdk import Station

PIECE = 256
"""Bytes that are cut at once. A device may go beyond its frames per second by what is in one piece."""


class Peer:
    """One address."""

    def __init__(self, address: Address, settings: NetSettings, deliver: Deliver) -> None:
        self.address = address
        self.state, self.reason = "idle", ""
        """`idle`, `connecting`, `connected`, `waiting` (for the next try)."""
        self.connections = self.floods = 0
        self.exchange = Exchange(self.ready, self.write, self._count)
        self._settings = settings
        self._deliver = deliver
        self._second = self._frames = 0

    # -- what the transport does --------------------------------------------------------------------------

    async def ready(self) -> None:
        """There is a way to send. LinkError when there is none."""
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    def tend(self) -> None:
        """Called a few times a second: connect where that is wanted, close what is idle."""
        raise NotImplementedError

    def close(self, reason: str) -> None:
        raise NotImplementedError

    # -- in common ----------------------------------------------------------------------------------------

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        self.exchange.set_stations(stations)

    @property
    def listens(self) -> bool:
        return any(station.listens for station in self.exchange.stations.values())

    @property
    def idle(self) -> bool:
        """Whether nobody has used it for as long as its stations allow."""
        told = [station.settings.get("idle_s") for station in self.exchange.stations.values()]
        idle_s = max([float(one) for one in told if one is not None], default=self._settings.idle_s)
        turns = self.exchange.turns
        return (
            not turns.busy and not turns.waiting and asyncio.get_running_loop().time() - self.exchange.used_at > idle_s
        )

    def full_s(self) -> float:
        """How long until it may send again; 0 when it may."""
        now = asyncio.get_running_loop().time()
        if int(now) != self._second:
            self._second, self._frames = int(now), 0
        return 0.0 if self._frames < self._settings.flood_per_s else self._second + 1 - now

    def _count(self, source: str, data: bytes, *, asked: bytes = b"") -> Frame:
        self._frames += 1
        return self._deliver(source, data, asked=asked)

    def _unreachable(self, reason: str) -> LinkError:
        return LinkError(f"{self.address}: {reason}", hint="Is the device switched on, and its address right?")

    def notes(self) -> dict[str, Any]:
        said = {"state": self.state, "reason": self.reason, "connections": self.connections, "floods": self.floods}
        return {**said, **self.exchange.notes()}
