"""DMX universes over the net link, judged by receivers that somebody else wrote."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sacn
from aioartnet.client import ArtNetClient, ArtNetClientProtocol

from sluis.links.net import NetLink
from sluis.links.net.settings import NetSettings
from sluis.model import Command, ConfigError
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis_drivers.dmx.universe import DmxUniverse

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

LIGHTS = '[spot]\naddress = 1\n[wash]\ntype = "rgb"\naddress = 10\n'


@pytest.fixture
async def link(tasks: Start, eventually: Eventually) -> NetLink:
    made = NetLink(NetSettings(), SystemClock())
    tasks(made.run())
    await eventually(lambda: made.up)
    return made


def universe(link: NetLink, port: int, **setup: Any) -> DmxUniverse:
    made = DmxUniverse(f"udp:127.0.0.1:{port}", {"setup": {"lights": LIGHTS, **setup}})
    station = made.station()
    assert station is not None
    link.set_stations({made.native_id: station})
    return made


async def command(link: NetLink, driver: DmxUniverse, point: str, value: Any) -> None:
    await driver.perform(link, Command("c1", "lights", point, value, SYSTEM, 0))


async def light_up(link: NetLink, driver: DmxUniverse) -> list[int]:
    """Everything on; the slots that a receiver must then hold."""
    await command(link, driver, "spot", 100)
    await command(link, driver, "wash", 50)
    await command(link, driver, "wash_color", "#ff0000")
    slots = [0] * 512
    slots[0], slots[9] = 255, 128
    return slots


def a_free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_sacn_receiver_takes_it_and_keeps_it(link: NetLink, eventually: Eventually) -> None:
    port = a_free_udp_port()
    receiver = sacn.sACNreceiver(bind_address="127.0.0.1", bind_port=port)
    packets: list[Any] = []
    receiver.register_listener("universe", packets.append, universe=7)
    receiver.start()
    try:
        driver = universe(link, port, protocol="sacn", universe=7)
        slots = await light_up(link, driver)
        await eventually(lambda: bool(packets) and list(packets[-1].dmxData) == slots)
        last = packets[-1]
        assert (last.universe, last.priority, last.sourceName, last.dmxStartCode) == (7, 100, "Sluis", 0)
        await driver.poll(link)
        await command(link, driver, "spot", 0)
        await eventually(lambda: packets[-1].dmxData[0] == 0)
        assert packets[-1].sequence > last.sequence
        assert packets[-1].cid == last.cid
    finally:
        receiver.stop()


async def test_an_artnet_node_takes_it(link: NetLink, eventually: Eventually) -> None:
    node = ArtNetClient(passive=True)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ArtNetClientProtocol(node), local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        driver = universe(link, port, protocol="artnet", universe=0x123)
        slots = await light_up(link, driver)
        await eventually(lambda: 0x123 in node.universes and list(node.universes[0x123].last_data) == slots)
        assert set(node.universes[0x123].publisherseq.values()) == {3}
    finally:
        transport.close()


async def test_nothing_is_sent_before_the_first_command(link: NetLink) -> None:
    driver = universe(link, a_free_udp_port())
    await driver.poll(link)
    assert link.health().sent == 0


@pytest.mark.parametrize(
    ("setup", "problem"),
    [
        ({"lights": "[spot"}, "no TOML"),
        ({"lights": "[spot]"}, "missing"),
        ({"lights": "[spot]\naddress = 513"}, "513"),
        ({"lights": "[spot]\naddress = 1\ntype = 'laser'"}, "laser"),
        ({"lights": "[a]\naddress = 1\n[b]\naddress = 1"}, "shares slot 1"),
        ({"lights": "[a]\naddress = 1\n", "universe": 0}, "no universe"),
    ],
)
def test_a_wrong_map_is_refused(setup: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        DmxUniverse("udp:127.0.0.1:5568", {"setup": setup})
