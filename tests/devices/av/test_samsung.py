"""A Samsung display over the real links, on a TCP port and on a serial line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.devices.av.conftest import Furnish

from sluis.demo.av.samsung import SamsungDisplay
from sluis.demo.av.wires import on_serial, on_tcp
from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Stage
from sluis.runtime import SystemClock
from sluis_drivers.samsung.mdc import Mdc

Eventually = Callable[..., Awaitable[None]]


async def test_over_tcp_it_is_read_told_and_known(furnish: Furnish, eventually: Eventually) -> None:
    display = SamsungDisplay()
    async with on_tcp(display) as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(Mdc,))
        await room.add("samsung-mdc", "net", f"127.0.0.1:{port}", every_s=1)
        await room.shows(power=False, volume=20, audio_mute=False, input="HDMI 1", temperature=38, problem=False)
        await eventually(lambda: room.register.device(room.key).model == "QM55R")
        assert room.register.device(room.key).serial == "0MZ7H9A"
        refused = await room.told("volume", 30)
        assert (refused.stage, refused.code) == (Stage.REFUSED, "command.refused")
        assert (await room.told("power", True)).stage is Stage.DONE
        for point, value in [("volume", 30), ("input", "HDMI 2"), ("audio_mute", True)]:
            receipt = await room.told(point, value, deadline_s=15)
            assert receipt.stage is Stage.DONE, receipt


async def test_two_on_one_serial_line(furnish: Furnish) -> None:
    class Pair(SamsungDisplay):
        other = SamsungDisplay(7)

        def answer(self, session, frame, now_s):  # type: ignore[no-untyped-def]
            return super().answer(session, frame, now_s) + self.other.answer(session, frame, now_s)

    pair = Pair(1)
    pair.other.held[0x12] = 77
    async with on_serial(pair) as path:
        room = furnish(SerialLink(SerialSettings("wall", path), SystemClock()), drivers=(Mdc,))
        await room.add("samsung-mdc", "wall", "left", id=1, every_s=1)
        await room.shows(volume=20)
        await room.add("samsung-mdc", "wall", "right", id=7, every_s=1)
        await room.shows(volume=77)
        await room.stop()
