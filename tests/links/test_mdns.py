"""Being found by name, on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from sluis.links.mdns import Announcer, services

Start = Callable[[Awaitable[object]], asyncio.Task[object]]


async def test_the_panel_and_the_broker_are_found(tasks: Start) -> None:
    announcer = Announcer("sluis-test.local", services(8443, 8883), addresses=["127.0.0.1"])
    running = tasks(announcer.run())
    async with asyncio.timeout(20):
        await announcer.published.wait()
    seeker = AsyncZeroconf(interfaces=["127.0.0.1"])
    try:
        for kind, port in (("_https._tcp.local.", 8443), ("_secure-mqtt._tcp.local.", 8883)):
            names = await found(seeker, kind)
            described = AsyncServiceInfo(kind, names[0])
            assert await described.async_request(seeker.zeroconf, 5_000)
            assert described.server == "sluis-test.local."
            assert (described.port, described.parsed_addresses()) == (port, ["127.0.0.1"])
    finally:
        await seeker.async_close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def found(seeker: AsyncZeroconf, kind: str) -> list[str]:
    names: asyncio.Queue[str] = asyncio.Queue()

    def on_change(zeroconf: object, service_type: str, name: str, state_change: object) -> None:
        names.put_nowait(name)

    browser = AsyncServiceBrowser(seeker.zeroconf, kind, handlers=[on_change])
    try:
        async with asyncio.timeout(10):
            return [await names.get()]
    finally:
        await browser.async_cancel()
