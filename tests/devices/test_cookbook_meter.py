"""The meter of the cookbook on a serial pair, as its chapter says: two of them, one locked, and a neighbour's voice."""

from __future__ import annotations

import os
import select
import struct
import threading
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.devices.house import House

from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Availability, Refused
from sluis.runtime import SystemClock
from sluis.sdk.loading import drivers_of_file

DRIVER = Path(__file__).parents[2] / "docs" / "examples" / "drivers" / "acme_m3.py"
Eventually = Callable[..., Awaitable[None]]


class Meters(threading.Thread):
    """Meters 3 and 4 (locked by hand) on a pair; at each question to meter 3, meter 9 speaks first."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._ended, self._end = os.pipe()
        self.relay = {3: 0, 4: 0}

    def run(self) -> None:
        held = b""
        while self._ended not in (ready := select.select([self._port, self._ended], [], [])[0]):
            held += os.read(self._port, 256) if ready else b""
            while len(held) >= 6 and len(held) >= held[3] + 6:
                question, held = held[: held[3] + 6], held[held[3] + 6 :]
                self._hear(question[1], question[2], question[4:-2])

    def end(self) -> None:
        os.close(self._end)
        self.join(5)
        os.close(self._ended)

    def _hear(self, address: int, command: int, data: bytes) -> None:
        if address not in self.relay:
            return
        if command == 1:
            if address == 3:
                self._say(9, 1, bytes(11))
            self._say(address, 1, struct.pack(">HHhLB", 2300 + address, 100, 230, 5000, self.relay[address]))
        elif address == 4:
            self._say(address, 0x82, b"\2")
        else:
            self.relay[address] = data[0]
            self._say(address, 2, data)

    def _say(self, address: int, command: int, data: bytes) -> None:
        body = bytes([address, command, len(data)]) + data
        os.write(self._port, b"\x68" + body + bytes([sum(body) & 0xFF]) + b"\x16")


@pytest.fixture
async def pair() -> AsyncIterator[tuple[House, Meters]]:
    far, near = os.openpty()
    tty.setraw(near)
    meters = Meters(far)
    meters.start()
    (cls,) = drivers_of_file(DRIVER)
    house = House(SerialLink(SerialSettings("meters", os.ttyname(near)), SystemClock()), cls)
    yield house, meters
    await house.stop()
    meters.end()
    os.close(far)
    os.close(near)


async def test_the_meter_of_the_chapter_is_polled_and_commanded(
    pair: tuple[House, Meters], eventually: Eventually
) -> None:
    house, meters = pair
    await eventually(lambda: house.link.up)  # it is asked every ten seconds: the first time shall count
    kitchen, cellar = await house.add("3", ratio=20), await house.add("4")
    await eventually(lambda: len(house.values(kitchen)) == 5 and len(house.values(cellar)) == 5)
    assert house.values(kitchen) == {"voltage": 230.3, "current": 20.0, "power": 4600, "energy": 100.0, "relay": False}
    assert house.values(cellar)["voltage"] == 230.4
    await house.command(kitchen, "relay", True)
    await eventually(lambda: house.values(kitchen)["relay"] is True)
    assert meters.relay == {3: 1, 4: 0}
    with pytest.raises(Refused, match="locked by hand"):
        await house.command(cellar, "relay", True)
    assert house.register.twin(cellar).availability is Availability.ONLINE
