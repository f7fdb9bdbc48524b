"""A host that is there, one that is not, and one that is woken: over the net link, on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from sluis.links.net import NetLink
from sluis.links.net.ping import ping
from sluis.links.net.settings import NetSettings
from sluis.model import ConfigError, LinkError
from sluis.runtime import SystemClock
from sluis_drivers.network.host import NetworkHost

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]


def may_ping() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not may_ping(), reason="this machine lets us ping nobody (net.ipv4.ping_group_range)")
async def test_a_host_that_is_there_answers(tasks: Start, eventually: Eventually) -> None:
    link = NetLink(NetSettings(), SystemClock())
    tasks(link.run())
    await eventually(lambda: link.up)
    driver = NetworkHost("ping:127.0.0.1")
    await driver.poll(link)
    (frame,) = await link.take()
    said = {item.point: item.value for item in driver.decode(frame)}  # type: ignore[union-attr]
    assert said["present"] is True
    assert 0 <= said["round_trip"] < 1000


async def test_a_name_that_nobody_has_cannot_be_asked() -> None:
    with pytest.raises(LinkError, match="cannot be pinged"):
        await ping("no-such-host.invalid")


def test_a_hardware_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="hardware address"):
        NetworkHost("ping:192.0.2.7", {"setup": {"mac": "00:11:22:33:44"}})
