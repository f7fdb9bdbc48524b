"""Devices found by mDNS, on the loopback interface: announced by zeroconf's own service, taken in by intake's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sluis.links.browse import BrowseLink
from sluis.model import Announcement
from sluis.runtime import SystemClock
from sluis_drivers.esphome.native import EsphomeNative

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]


async def test_a_node_that_announces_itself_is_found(tasks: Start, eventually: Eventually) -> None:
    link = BrowseLink(SystemClock(), addresses=["127.0.0.1"])
    link.set_filters(frozenset(EsphomeNative.about.match.filters))
    assert link.notes() == {"looked for": ["_esphomelib._tcp"]}
    tasks(link.run())
    await eventually(lambda: link.up)
    kind = "_esphomelib._tcp.local."
    node = AsyncServiceInfo(
        kind,
        f"room.{kind}",
        port=6053,
        properties={"mac": "aabbcc112233", "friendly_name": "Room node"},
        server="room.local.",
        parsed_addresses=["127.0.0.1"],
    )
    network = AsyncZeroconf(interfaces=["127.0.0.1"])
    try:
        await (await network.async_register_service(node))
        async with asyncio.timeout(20):
            (frame,) = await link.take()
    finally:
        await network.async_unregister_all_services()
        await network.async_close()
    assert frame.source == "mdns:_esphomelib._tcp/room"
    assert json.loads(frame.data)["addresses"] == ["127.0.0.1"]
    (found,) = EsphomeNative.sniff(frame)
    assert isinstance(found, Announcement)
    assert (found.native_id, found.name, found.serial) == ("room.local:6053", "Room node", "AA:BB:CC:11:22:33")
