"""The KNX link and its driver: values read after connecting, heard, commanded; the interface lost and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from xknx.dpt import DPTArray, DPTBinary

from sluis.links.knx import KnxLink, KnxSettings
from sluis.model import Command, ConfigError, FrameError, LinkError, Reading
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.wire import knx
from sluis_drivers.knx.points import KnxPoints
from tests.links.knx.daemon import GROUP, Daemon, Device

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

OURS = "1.0.99"

MAP = """
[lamp]
dpt = "1.001"
set = "1/0/1"
get = "1/0/2"
[temperature]
dpt = "9.001"
get = "3/1/1"
[setpoint]
dpt = "9.001"
set = "3/1/2"
"""


class Room:
    """The gateway's half: a link, and one device of it."""

    def __init__(self, link: KnxLink, points: str = MAP) -> None:
        self.link = link
        self.driver = KnxPoints("knx/room", {"setup": {"points": points}})
        self.values: dict[str, Any] = {}

    async def run(self) -> None:
        while True:
            for frame in await self.link.take():
                try:
                    said = list(self.driver.decode(frame))
                except FrameError:
                    continue
                self.values |= {item.point: item.value for item in said if isinstance(item, Reading)}

    async def command(self, point: str, value: Any) -> None:
        await self.driver.perform(self.link, Command("c1", "room", point, value, SYSTEM, 0))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, routes=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def tunnel(daemon: Daemon) -> KnxSettings:
    return KnxSettings(
        host="127.0.0.1", port=daemon.port, local_ip="127.0.0.1", reconnect_cap_s=0.3, telegrams_per_s=200, connect_s=3
    )


@pytest.fixture(params=["tunnel", "routing"])
def settings(request: pytest.FixtureRequest, tunnel: KnxSettings) -> KnxSettings:
    """Both ways into the bus."""
    if request.param == "tunnel":
        return tunnel
    return replace(
        tunnel, connection="routing", host="", multicast_group=GROUP, individual_address=OURS, telegrams_per_s=50
    )


@pytest.fixture
def room(settings: KnxSettings, tasks: Start) -> Room:
    made = Room(KnxLink(settings, SystemClock()))
    made.link.set_stations({"knx/room": made.driver.station()})
    tasks(made.link.run())
    tasks(made.run())
    return made


@pytest.fixture
async def device(daemon: Daemon, room: Room, eventually: Eventually) -> AsyncIterator[Device]:
    """A room controller: 21.5 °C measured, lamp off."""
    await eventually(lambda: room.link.up)
    made = Device(daemon.port)
    made.values = {"1/0/2": DPTBinary(0), "3/1/1": DPTArray((0x0C, 0x33))}
    made.shows = {"1/0/1": "1/0/2"}
    await made.start()
    yield made
    await made.stop()


async def test_values_are_heard_and_commands_carried(room: Room, device: Device, eventually: Eventually) -> None:
    await device.tell("3/1/1", DPTArray((0x0C, 0x33)))
    await eventually(lambda: room.values.get("temperature") == 21.5)
    await room.command("lamp", True)
    await eventually(lambda: room.values.get("lamp") is True)
    assert ("1/0/1", DPTBinary(1)) in device.heard
    await room.command("setpoint", 21)
    await eventually(lambda: ("3/1/2", DPTArray((0x0C, 0x1A))) in device.heard)
    await eventually(lambda: room.values.get("setpoint") == 21)


async def test_what_is_shown_is_read_when_it_comes_into_use(room: Room, device: Device, eventually: Eventually) -> None:
    device.values["3/1/9"] = DPTArray((0x0C, 0x1A))
    hall = KnxPoints("knx/hall", {"setup": {"points": "[warm]\ndpt = '9.001'\nget = '3/1/9'"}})
    room.link.set_stations({"knx/room": room.driver.station(), "knx/hall": hall.station()})
    await eventually(lambda: "3/1/9" in device.reads)


async def test_what_is_shown_is_read_after_connecting(
    daemon: Daemon, settings: KnxSettings, tasks: Start, eventually: Eventually
) -> None:
    device = Device(daemon.port)
    device.values = {"1/0/2": DPTBinary(0), "3/1/1": DPTArray((0x0C, 0x33))}
    await device.start()
    room = Room(KnxLink(settings, SystemClock()))
    room.link.set_stations({"knx/room": room.driver.station()})
    tasks(room.run())
    tasks(room.link.run())
    await eventually(lambda: room.values == {"lamp": False, "temperature": 21.5})
    await eventually(lambda: device.reads == ["1/0/2", "3/1/1", "3/1/2"])
    await device.stop()


async def test_an_answer_carries_its_question(room: Room, device: Device) -> None:
    read = knx.build(knx.Group(knx.READ))
    frame = await room.link.request(read, to="knx/3/1/1")
    assert (frame.source, frame.data, frame.asked) == ("knx/3/1/1", bytes.fromhex("00400c33"), read)
    with pytest.raises(LinkError, match="no answer"):
        await room.link.request(read, to="knx/9/7/9", timeout_s=0.2)


@pytest.mark.parametrize("settings", ["tunnel"], indirect=True)  # with routing nobody says whether a router is there
async def test_a_lost_interface_comes_back_and_values_are_read_again(
    daemon: Daemon, room: Room, eventually: Eventually
) -> None:
    await eventually(lambda: room.link.up)
    daemon.stop()
    # A tunnel over UDP notices by its next telegram: the interface no longer says that it has it.
    with pytest.raises(LinkError):
        await room.command("lamp", True)
    await eventually(lambda: not room.link.up)
    with pytest.raises(LinkError, match="is down"):
        await room.command("lamp", True)
    daemon.start()
    await eventually(lambda: room.link.up, 15)
    assert room.link.health().reconnects == 1


async def test_no_interface_is_said_and_borne(tasks: Start, eventually: Eventually) -> None:
    link = KnxLink(KnxSettings(host="127.0.0.1", port=1, local_ip="127.0.0.1", connect_s=0.3), SystemClock())
    tasks(link.run())
    await eventually(lambda: link.health().reason == "no connection within 0.3 s")
    with pytest.raises(LinkError, match="is down"):
        await link.send(b"\x00\x81", to="knx/1/0/1")


async def test_what_is_no_group_telegram_is_not_sent(room: Room, device: Device) -> None:
    for to, data in (
        ("knx/1/0/1", b""),
        ("knx/1/0/1", b"\x03\xd7"),
        ("knx/room", b"\x00\x81"),
        ("knx/0/0/0", b"\x00\x81"),
    ):
        with pytest.raises(LinkError):
            await room.link.send(data, to=to)
    assert not device.heard


def test_settings_that_make_no_connection_are_refused() -> None:
    for settings in (KnxSettings(), KnxSettings(host="192.0.2.5", connection="usb")):
        with pytest.raises(ConfigError):
            KnxLink(settings, SystemClock())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lamp", "no TOML"),
        ("[lamp]\nset = '1/0/1'", "dpt"),
        ("[lamp]\ndpt = '1.001'", "missing"),
        ("[lamp]\ndpt = '99.001'\nset = '1/0/1'", "datapoint type"),
        ("[lamp]\ndpt = '3.007'\nset = '1/0/1'", "datapoint type"),
        ("[lamp]\ndpt = '1.001'\nset = '1/8/1'", "group address"),
        ("[lamp]\ndpt = '1.001'\nset = '0/0/0'", "group address"),
        ("[lamp]\ndpt = '1.001'\nsets = '1/0/1'", "no such key"),
        ("[temp]\ndpt = '9.001'\nget = '1/0/1'\ninvert = true", "one bit"),
        ("[temp]\ndpt = '9.001'\nget = '1/0/1'\nquantity = 'power'", "measured"),
    ],
)
def test_a_wrong_map_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        KnxPoints("knx/room", {"setup": {"points": text}})
