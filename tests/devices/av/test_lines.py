"""Devices that talk in lines, by the maps that ship, over the real links: on a TCP port and on a serial line."""

from __future__ import annotations

import functools
import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.devices.av.conftest import Furnish
from tests.devices.av.room import Room

from sluis.demo.av.device import AvDevice, Session
from sluis.demo.av.displays import BraviaDisplay, LgDisplay, NecDisplay
from sluis.demo.av.rack import DenonReceiver, ExtronSwitcher
from sluis.demo.av.wires import on_serial, on_tcp
from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Availability, Frame, Stage
from sluis.runtime import SystemClock
from sluis.sdk.testing import START
from sluis.wire.framing import splitter
from sluis_drivers.line.device import LineDevice

Eventually = Callable[..., Awaitable[None]]


@asynccontextmanager
async def a_room(furnish: Furnish, device: AvDevice, wire: str, **setup: object) -> AsyncIterator[Room]:
    """The device at the end of a wire, added by its map."""
    if wire == "net":
        async with on_tcp(device) as port:
            room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(LineDevice,))
            await room.add("line-device", "net", f"127.0.0.1:{port}", every_s=1, **setup)
            yield room
            await room.stop()
        return
    async with on_serial(device) as path:
        room = furnish(SerialLink(SerialSettings("rack", path), SystemClock()), drivers=(LineDevice,))
        await room.add("line-device", "rack", "device", every_s=1, **setup)
        yield room
        await room.stop()


async def test_an_lg_display(furnish: Furnish) -> None:
    display = LgDisplay()
    async with a_room(furnish, display, "serial", map="lg-rs232") as room:
        await room.shows(power=False, input="HDMI 1", volume=12, audio_mute=False, temperature=35)
        refused = await room.told("volume", 30)
        assert (refused.stage, refused.detail) == (Stage.REFUSED, "The device says: it refuses this")
        for point, value in [("power", True), ("input", "HDMI 2"), ("volume", 30), ("audio_mute", True)]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        assert (display.state["ka"], display.state["xb"], display.state["kf"], display.state["ke"]) == (1, 0x91, 30, 0)


async def test_two_lg_displays_on_one_serial_line(furnish: Furnish) -> None:
    class Pair(AvDevice):
        one, two = LgDisplay(1), LgDisplay(2)

        def answer(self, session, frame, now_s):  # type: ignore[no-untyped-def]
            return self.one.answer(session, frame, now_s) + self.two.answer(session, frame, now_s)

    pair = Pair()
    pair.two.state |= {"kf": 77}
    async with a_room(furnish, pair, "serial", map="lg-rs232", unit="02") as room:
        second = room.key
        await room.add("line-device", "rack", "first", map="lg-rs232", every_s=1)
        await room.shows(volume=12)
        assert (await room.told("power", True)).stage is Stage.DONE
        room.key = second
        await room.shows(volume=77, power=False)
        assert (pair.one.state["ka"], pair.two.state["ka"]) == (1, 0)


async def test_a_nec_display_with_its_check_byte(furnish: Furnish) -> None:
    display = NecDisplay()
    async with a_room(furnish, display, "net", map="nec-display") as room:
        await room.shows(power=False, input="HDMI", volume=20, audio_mute=False)
        refused = await room.told("volume", 30)
        assert (refused.stage, refused.detail) == (Stage.REFUSED, "The device says: it does not support this now")
        for point, value in [("power", True), ("input", "DisplayPort"), ("volume", 31), ("audio_mute", True)]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        assert (display.power, display.held) == (1, {"0060": 0x000F, "0062": 31, "008D": 1})


def test_every_volume_of_a_nec_display_is_read_whatever_its_check_byte() -> None:
    """For some the check byte looks like the end of the line."""
    display, driver = NecDisplay(), LineDevice("192.0.2.7:7142", {"setup": {"map": "nec-display"}})
    question = b"\x010A0C06\x020062\x03"
    question += bytes([functools.reduce(operator.xor, question[1:])])
    ends = 0
    for volume in range(101):
        display.held["0062"] = volume
        lines = splitter("line", end=b"\r").feed(reply := display.heard(Session(), question, 0))
        frames = [Frame("net", "192.0.2.7:7142", line, START, asked=question + b"\r") for line in lines]
        assert [item.value for frame in frames for item in driver.decode(frame)] == [volume], reply
        ends += reply.endswith(b"\r\r")
    assert ends, "none of them has that check byte: the test tests nothing"


async def test_a_sony_display_tells_its_changes(furnish: Furnish, eventually: Eventually) -> None:
    display = BraviaDisplay()
    async with a_room(furnish, display, "net", map="sony-bravia") as room:
        await room.shows(power=False, input="HDMI 1", volume=20)
        assert (await room.told("volume", 25)).detail == "The device says: it refuses this"
        for point, value in [("power", True), ("input", "HDMI 3"), ("volume", 25), ("picture_mute", True)]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        display.told.append(b"*SNVOLU0000000000000044\n")
        await room.shows(volume=44)


async def test_a_denon_receiver(furnish: Furnish) -> None:
    receiver = DenonReceiver()
    async with a_room(furnish, receiver, "serial", map="denon-marantz") as room:
        await room.shows(power=False, volume=50.5, audio_mute=False, input="Blu-ray")
        for point, value in [("power", True), ("input", "game"), ("volume", 42), ("volume_up", None)]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        await room.shows(volume=42.5)
        receiver.held["MU"] = "ON"
        receiver.told.append(b"MUON\r")
        await room.shows(audio_mute=True)


async def test_an_extron_switcher_that_wants_a_password(furnish: Furnish, eventually: Eventually) -> None:
    switcher = ExtronSwitcher(password="secret")
    async with a_room(furnish, switcher, "net", map="extron-sis", password="secret") as room:
        await room.shows(15, input=1, volume=40, video_mute=False, firmware="1.03")
        assert (await room.told("input", 3)).stage is Stage.DONE
        assert (await room.told("video_mute", True)).stage is Stage.DONE
        refused = await room.told("input", 9)
        assert (refused.stage, refused.detail) == (Stage.REFUSED, "The device says: there is no such input")
        switcher.press(5)
        await room.shows(input=5)
    assert [frame for frame in switcher.heard_frames if frame in (b"secret", b"\x1b3CV")][:2] == [b"secret", b"\x1b3CV"]


async def test_a_device_that_is_gone_is_offline(furnish: Furnish, eventually: Eventually) -> None:
    room = furnish(NetLink(NetSettings(reconnect_cap_s=0.2), SystemClock()), drivers=(LineDevice,))
    async with on_tcp(LgDisplay()) as port:
        await room.add("line-device", "net", f"127.0.0.1:{port}", map="lg-rs232", every_s=1)
        await room.shows(volume=12)
    twin = room.register.twin(room.key)
    await eventually(lambda: twin.availability is Availability.OFFLINE, 15)
    await eventually(lambda: f"127.0.0.1:{port}: " in twin.reason)
