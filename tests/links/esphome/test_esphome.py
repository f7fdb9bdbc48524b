"""The ESPHome link: nodes plain and encrypted, wrong keys, lost and returning ones, commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aioesphomeapi import api_pb2 as pb

from sluis.links.esphome import EsphomeLink, EsphomeSettings
from sluis.model import Availability, Command, FrameError, LinkError, Presence, Reading
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk.testing import Bench
from sluis_drivers.esphome.native import EsphomeNative
from tests.links.esphome.node import KEY, Node

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]
Nodes = Callable[..., Awaitable[Node]]

ENTITIES = (
    pb.ListEntitiesSensorResponse(
        object_id="temperature",
        key=1,
        name="Temperature",
        unit_of_measurement="°C",
        device_class="temperature",
        accuracy_decimals=1,
    ),
    pb.ListEntitiesSwitchResponse(object_id="heater", key=2, name="Heater"),
    pb.ListEntitiesLightResponse(
        object_id="lamp", key=3, name="Lamp", supported_color_modes=[35, 11], min_mireds=153, max_mireds=500
    ),
    pb.ListEntitiesButtonResponse(object_id="restart", key=4, name="Restart", device_class="restart"),
)
STATES = (
    pb.SensorStateResponse(key=1, state=21.4),
    pb.SwitchStateResponse(key=2, state=False),
    pb.LightStateResponse(key=3, state=True, brightness=0.5, color_mode=35, color_brightness=1, red=1),
)


def obey(said: Any) -> list[Any]:
    if isinstance(said, pb.SwitchCommandRequest):
        return [pb.SwitchStateResponse(key=said.key, state=said.state)]
    if isinstance(said, pb.LightCommandRequest):
        return [
            pb.LightStateResponse(
                key=said.key,
                state=True,
                brightness=1,
                color_mode=said.color_mode,
                color_brightness=said.color_brightness,
                red=said.red,
                green=said.green,
                blue=said.blue,
                color_temperature=said.color_temperature,
            )
        ]
    return []


class Gateway:
    """The gateway's half: the link, and the drivers of what it hears. The stations follow the drivers, as in intake."""

    def __init__(self, link: EsphomeLink) -> None:
        self.link = link
        self.bench = Bench(EsphomeNative)
        self.readings: dict[str, Any] = {}
        self.presence: list[tuple[Availability, str]] = []
        self.frames = 0

    def adopt(self, source: str, **setup: str) -> None:
        self.bench.descriptions[source] = {"setup": setup}
        self._follow()

    def _follow(self) -> None:
        self.link.set_stations({driver.native_id: driver.station() for driver in self.bench.drivers()})  # type: ignore[attr-defined]

    async def run(self) -> None:
        while True:
            for frame in await self.link.take():
                self.frames += 1
                if frame.source.endswith("/description"):
                    self.bench.sniff(frame)
                    self._follow()
                self._decode(frame)

    def _decode(self, frame: Any) -> None:
        for driver in self.bench.drivers():
            try:
                items = list(driver.decode(frame))
            except FrameError:
                continue
            for item in items:
                if isinstance(item, Reading):
                    self.readings[item.point] = item.value
                elif isinstance(item, Presence):
                    self.presence.append((item.availability, item.reason))

    async def command(self, point: str, value: Any) -> None:
        (driver,) = self.bench.drivers()
        await driver.perform(self.link, Command("c1", "device", point, value, SYSTEM, 0))


@pytest.fixture
async def gateway(tasks: Start) -> Gateway:
    link = EsphomeLink(EsphomeSettings(connect_s=5, reconnect_cap_s=0.3), SystemClock())
    made = Gateway(link)
    tasks(link.run())
    tasks(made.run())
    return made


@pytest.fixture
async def nodes() -> AsyncIterator[Callable[..., Awaitable[Node]]]:
    """Makes nodes that end with the test."""
    made: list[Node] = []

    async def make(**more: Any) -> Node:
        made.append(Node(ENTITIES, STATES, obey, **more))
        await made[-1].start()
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest.fixture(params=["", KEY], ids=["plain", "encrypted"])
async def node(request: pytest.FixtureRequest, nodes: Nodes) -> Node:
    return await nodes(key=request.param)


async def test_a_node_is_described_read_and_commanded(gateway: Gateway, node: Node, eventually: Eventually) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=node.key)
    await eventually(lambda: gateway.readings.get("temperature") == 21.4)
    assert gateway.readings == {
        "temperature": 21.4,
        "heater": False,
        "lamp": True,
        "lamp_brightness": 50,
        "lamp_color": "#ff0000",
    }
    assert gateway.presence[0] == (Availability.ONLINE, "connected")
    node.tell(pb.SensorStateResponse(key=1, state=22.0))
    await eventually(lambda: gateway.readings["temperature"] == 22)

    await gateway.command("heater", True)
    await eventually(lambda: gateway.readings["heater"] is True)
    await gateway.command("lamp_color", "#008000")
    await eventually(lambda: gateway.readings["lamp_color"] == "#008000")
    await gateway.command("lamp_color_temperature", 3000)
    await eventually(lambda: gateway.readings.get("lamp_color_temperature") == 3000)
    await gateway.command("restart", None)
    await eventually(lambda: isinstance(node.commands[-1], pb.ButtonCommandRequest))
    assert gateway.link.notes() == {source: "connected"}
    assert gateway.link.health().sent == 4


async def test_a_lost_node_comes_back(gateway: Gateway, node: Node, eventually: Eventually) -> None:
    gateway.adopt(f"127.0.0.1:{node.port}", key=node.key)
    await eventually(lambda: gateway.readings.get("heater") is False)
    await node.stop()
    await eventually(lambda: gateway.presence[-1][0] is Availability.OFFLINE)
    with pytest.raises(LinkError, match="not connected"):
        await gateway.command("heater", True)
    gateway.readings.clear()
    await node.start()
    await eventually(lambda: gateway.readings.get("heater") is False)
    assert gateway.presence[-1][0] is Availability.ONLINE


async def test_a_wrong_key_is_said_and_a_right_one_heals(
    gateway: Gateway, nodes: Nodes, eventually: Eventually
) -> None:
    node = await nodes(key=KEY)
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    await eventually(lambda: gateway.link.notes().get(source) == "it refuses the encryption key")
    gateway.adopt(source)
    await eventually(lambda: gateway.link.notes().get(source) == "it wants an encryption key")
    assert {what for what, _ in gateway.presence} == {Availability.OFFLINE}
    gateway.adopt(source, key=KEY)
    await eventually(lambda: gateway.readings.get("temperature") == 21.4)


async def test_another_node_at_the_address_is_refused(gateway: Gateway, node: Node, eventually: Eventually) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=node.key)
    await eventually(lambda: gateway.readings.get("temperature") == 21.4)
    await node.stop()
    node.mac = "AA:BB:CC:44:55:66"
    gateway.readings.clear()
    await node.start()
    await eventually(lambda: gateway.link.notes().get(source) == "another node answers at this address")
    assert not gateway.readings


async def test_a_node_that_sleeps_is_not_lost(gateway: Gateway, nodes: Nodes, eventually: Eventually) -> None:
    node = await nodes(deep_sleep=True)
    gateway.adopt(f"127.0.0.1:{node.port}")
    await eventually(lambda: gateway.readings.get("temperature") == 21.4)
    node.sleep()
    await eventually(lambda: (Availability.ONLINE, "sleeping") in gateway.presence)


async def test_a_command_that_is_none_is_refused(gateway: Gateway, node: Node, eventually: Eventually) -> None:
    source = f"127.0.0.1:{node.port}"
    gateway.adopt(source, key=node.key)
    await eventually(lambda: gateway.readings.get("heater") is False)
    for said in (
        b"",
        b"[]",
        b"{}",
        b'{"type": "device_info"}',
        b'{"type": "switch", "key": 2}',
        b'{"type": "number", "key": "x", "state": 1}',
    ):
        with pytest.raises(LinkError):
            await gateway.link.send(said, to=source)
    with pytest.raises(LinkError, match="not in use"):
        await gateway.link.send(json.dumps({"type": "switch", "key": 2, "state": True}).encode(), to="127.0.0.1:1")
    assert not node.commands


async def test_a_retired_node_is_left_alone(gateway: Gateway, node: Node, eventually: Eventually) -> None:
    gateway.adopt(f"127.0.0.1:{node.port}", key=node.key)
    await eventually(lambda: gateway.readings.get("heater") is False)
    gateway.link.set_stations({})
    await eventually(lambda: gateway.link.notes() == {})
    frames = gateway.link.health().received
    node.tell(pb.SwitchStateResponse(key=2, state=True))
    await asyncio.sleep(0)
    assert gateway.link.health().received == frames


async def test_a_node_updates_itself_and_comes_back_as_the_new_version(
    gateway: Gateway, eventually: Eventually
) -> None:
    def state(version: str, **more: Any) -> Any:
        return pb.UpdateStateResponse(key=9, current_version=version, latest_version="1.1", **more)

    def install(said: Any) -> list[Any]:
        return [state("1.0", in_progress=True, has_progress=True, progress=30)] if said.command == 1 else []

    entities = [pb.ListEntitiesUpdateResponse(object_id="firmware", key=9, name="Firmware", device_class="firmware")]
    node = Node(entities, [state("1.0")], install)
    await node.start()
    try:
        gateway.adopt(f"127.0.0.1:{node.port}")
        await eventually(lambda: gateway.readings.get("firmware_installed") == "1.0")
        assert (gateway.readings["firmware_available"], gateway.readings["firmware_state"]) == ("1.1", "idle")
        await gateway.command("firmware_check", None)
        await gateway.command("firmware_update", None)
        await eventually(lambda: gateway.readings["firmware_state"] == "downloading")
        assert [said.command for said in node.commands] == [2, 1]
        assert gateway.readings["firmware_progress"] == 30
        await node.stop()
        node.hold(state("1.1"))
        await node.start()
        await eventually(lambda: gateway.readings["firmware_installed"] == "1.1")
        assert gateway.readings["firmware_state"] == "idle"
    finally:
        await node.stop()
