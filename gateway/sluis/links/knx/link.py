"""A KNX link: one tunnel or one routing connection, and the group telegrams that pass.

Theory of operation. A KNX bus tells changes and nothing else, so what the devices in use show (`Station.settings`,
`read`) is asked once after every connection, slowly, with commands going between. What we write is delivered as a
frame too once the bus has carried it: no participant hears itself, and a group address without a status object of its
own has no other value than the last one written.

A frame's source is `LINK/main/middle/sub`, its data a telegram's content (`sluis.wire.knx`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.links.knx.bus import Bus, check
from sluis.links.knx.settings import KnxSettings
from sluis.links.loop import LoopLink
from sluis.model import Frame, LinkError
from sluis.runtime import Clock
from sluis.runtime.supervisor import Backoff
from sluis.sdk import Station
from sluis.wire import knx

READ = knx.build(knx.Group(knx.READ))


class KnxLink(LoopLink):
    """One KNX/IP interface or router."""

    kind: ClassVar[str] = "knx"

    def __init__(self, settings: KnxSettings, clock: Clock) -> None:
        """ConfigError when the settings make no connection."""
        check(settings)
        where = settings.multicast_group if settings.connection == "routing" else settings.host
        super().__init__(settings.name, clock, address=f"{where}:{settings.port}")
        self._settings = settings
        self._bus: Bus | None = None
        self._own_address = ""
        self._turn = asyncio.Lock()
        self._to_read: deque[str] = deque()
        self._wanted = asyncio.Event()
        self._asked: dict[str, bytes] = {}

    async def run(self) -> None:
        backoff = Backoff(cap_s=self._settings.reconnect_cap_s)
        try:
            while True:
                self._went_down(await self._connection(backoff))
                await self._clock.sleep(backoff.next_s())
        finally:
            self._went_down("stopped")

    def set_stations(self, stations: Mapping[str, Station]) -> None:
        """What the new ones show is asked at once."""
        known = self._shown()
        super().set_stations(stations)
        self._ask_for([address for address in self._shown() if address not in known])

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """A telegram's content to a group address. LinkError when the bus did not carry it."""
        address = self._address_of(to)
        await self._carry(address, data)
        if data[1:2] and data[1] >> 6 == knx.WRITE:
            self._deliver(to, data)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """Ask for a value (a read); the answer comes as a frame with the question in `asked`."""
        address = self._address_of(to)
        waiting = asyncio.ensure_future(self._answer(reply or to, timeout_s))
        try:
            self._asked[address] = data
            await self._carry(address, data)
            return await waiting
        finally:
            self._asked.pop(address, None)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def notes(self) -> Mapping[str, Any]:
        return {"own address": self._own_address, "values still to be read": len(self._to_read)}

    # -- one connection -----------------------------------------------------------------------------------

    async def _connection(self, backoff: Backoff) -> str:
        """Be connected until that ends; why it ended."""
        bus = Bus(self._settings, self._heard)
        try:
            async with asyncio.timeout(self._settings.connect_s):
                self._own_address = await bus.start()
            self._bus = bus
            backoff.reset()
            self._came_up()
            self._ask_for(self._shown())
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read())
                await bus.lost.wait()
                reading.cancel()
            return "the connection was lost"
        except TimeoutError:
            return f"no connection within {self._settings.connect_s:g} s"
        except LinkError as error:
            return str(error)
        finally:
            self._bus = None
            self._to_read.clear()
            await bus.stop()

    async def _read(self) -> None:
        """Ask for what is to be shown, one value after the other."""
        while True:
            self._wanted.clear()
            while self._to_read:
                address = self._to_read.popleft()
                try:
                    await self._carry(address, READ)
                except LinkError as error:
                    self._last_error = str(error)
            await self._wanted.wait()

    def _ask_for(self, addresses: list[str]) -> None:
        if self._bus is not None:
            self._to_read.extend(address for address in addresses if address not in self._to_read)
            self._wanted.set()

    def _shown(self) -> list[str]:
        """The group addresses whose values the devices in use show."""
        shown = (str(one) for station in self.stations.values() for one in station.settings.get("read", ()))
        return [address for address in dict.fromkeys(shown) if knx.is_address(address)]

    async def _carry(self, address: str, data: bytes) -> None:
        """One telegram at a time, and not more a second than the bus may carry for us."""
        async with self._turn:
            if self._bus is None:
                raise LinkError(f"{self.name} is down: {self._reason}")
            await self._bus.send(address, data)
            self._sent += 1
            await self._clock.sleep(1 / self._settings.telegrams_per_s)

    def _heard(self, address: str, data: bytes) -> None:
        answer = data[1] >> 6 == knx.RESPONSE
        asked = self._asked.get(address, b"") if answer else b""
        self._deliver(f"{self.name}/{address}", data, asked=asked)

    def _address_of(self, to: str) -> str:
        address = to.removeprefix(f"{self.name}/")
        if not knx.is_address(address):
            raise LinkError(f"{self.name}: {to!r:.60} is no group address of this link")
        return address
