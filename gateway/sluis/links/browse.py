"""Devices that make themselves known by mDNS (RFC 6762, RFC 6763): what families look for is browsed, finds are frames.

    mdns:_esphomelib._tcp/NAME   {"host": "room.local", "port": 6053, "addresses": ["192.0.2.9"], "txt": {...}}

Nothing can be sent here: what is found is spoken to on a link of its own kind. A service that goes is not told; whether
a device is there is known by the link that speaks with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from zeroconf import InterfaceChoice, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from sluis.links.loop import LoopLink
from sluis.runtime import Clock
from sluis.runtime.supervisor import Backoff

PREFIX = "mdns:"
DESCRIBE_MS = 3_000
"""How long a service may take to describe itself."""
FOUND_MAX = 500
"""Finds looked into at a time; a flood of invented services is worth no more."""


class BrowseLink(LoopLink):
    """What announces itself on the local network."""

    kind: ClassVar[str] = "mdns"

    def __init__(self, clock: Clock, name: str = "mdns", addresses: Iterable[str] = ()) -> None:
        """`addresses` restricts it to some of this machine's; none for all."""
        super().__init__(name, clock)
        self._addresses = list(addresses)
        self._types: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._found: asyncio.Queue[tuple[str, str]] = asyncio.Queue(FOUND_MAX)

    async def run(self) -> None:
        backoff = Backoff()
        try:
            while True:
                try:
                    zeroconf = AsyncZeroconf(interfaces=self._addresses or InterfaceChoice.All)
                except OSError as error:
                    self._went_down(f"no network to look on: {error.strerror or error}")
                    await self._clock.sleep(backoff.next_s())
                    continue
                try:
                    self._came_up()
                    await self._browse(zeroconf)
                finally:
                    await zeroconf.async_close()
        finally:
            self._went_down("stopped")

    def set_filters(self, filters: frozenset[str]) -> None:
        """The types of service that families look for."""
        super().set_filters(filters)
        wanted = (one.removeprefix(PREFIX).partition("/")[0] for one in filters if one.startswith(PREFIX))
        types = frozenset(f"{one}.local." for one in wanted if one.startswith("_"))
        if types != self._types:
            self._types = types
            self._changed.set()

    def notes(self) -> dict[str, Any]:
        return {"looked for": sorted(one.removesuffix(".local.") for one in self._types)}

    async def _browse(self, zeroconf: AsyncZeroconf) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_into(zeroconf.zeroconf))
            while True:
                self._changed.clear()
                types = sorted(self._types)
                browser = AsyncServiceBrowser(zeroconf.zeroconf, types, handlers=[self._seen]) if types else None
                try:
                    await self._changed.wait()
                finally:
                    if browser is not None:
                        await browser.async_cancel()

    def _seen(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        try:
            self._found.put_nowait((service_type, name))
        except asyncio.QueueFull:
            self._dropped += 1

    async def _look_into(self, zeroconf: Zeroconf) -> None:
        while True:
            service_type, name = await self._found.get()
            described = AsyncServiceInfo(service_type, name)
            if await described.async_request(zeroconf, DESCRIBE_MS) and described.server and described.port:
                kind = service_type.removesuffix(".local.")
                label = name.removesuffix(f".{service_type}").replace("/", "-")
                self._deliver(f"{PREFIX}{kind}/{label}", _frame(described))


def _frame(described: AsyncServiceInfo) -> bytes:
    said = {
        "host": str(described.server).rstrip("."),
        "port": described.port,
        "addresses": described.parsed_addresses(),
        "txt": {key: value or "" for key, value in described.decoded_properties.items()},
    }
    return msgspec.json.encode(said)
