"""Published telegrams on a serial line and over TCP, with what befalls them on the way: cut, damaged, run together."""

from __future__ import annotations

import asyncio
import json
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.devices.house import House

from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Availability, Quality
from sluis.runtime import SystemClock
from sluis_drivers.dsmr.p1 import P1

FRAMES = Path(__file__).parent / "frames" / "dsmr-p1.jsonl"
CASES = {entry["name"]: entry for entry in map(json.loads, FRAMES.read_text().splitlines())}
TELEGRAMS = {name: entry["text"].encode() for name, entry in CASES.items()}
DSMR5 = TELEGRAMS["dsmr 5: a gas meter, three phases"]
FLUVIUS = TELEGRAMS["fluvius: demand, gas and water"]
HEAT = TELEGRAMS["a heat meter that writes its CRC without leading zeros"]
DSMR3 = TELEGRAMS["dsmr 3: no clock, no CRC, gas in two lines"]

Say = Callable[[bytes], Awaitable[None]]
Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def serial() -> AsyncIterator[tuple[House, str, Say]]:
    """A P1 cable: what the meter says comes out of a pseudo-terminal."""
    meter, port = os.openpty()
    tty.setraw(port)
    house = House(SerialLink(SerialSettings("meter", os.ttyname(port), baud=115200), SystemClock()), P1)

    os.set_blocking(meter, False)

    async def say(data: bytes) -> None:
        while data:  # a terminal holds no more than a few kilobytes
            try:
                data = data[os.write(meter, data[:100]) :]
                await asyncio.sleep(0)
            except BlockingIOError:
                await asyncio.sleep(0.001)

    yield house, "p1", say
    await house.stop()
    os.close(meter)
    os.close(port)


@pytest.fixture
async def net() -> AsyncIterator[tuple[House, str, Say]]:
    """A box at the meter that hands its telegrams on to whoever connects."""
    connected: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: connected.put_nowait(writer), "127.0.0.1", 0)
    house = House(NetLink(NetSettings(), SystemClock()), P1)
    writers: list[asyncio.StreamWriter] = []

    async def say(data: bytes) -> None:
        if not writers:
            writers.append(await asyncio.wait_for(connected.get(), 10))
        writers[0].write(data)
        await writers[0].drain()

    yield house, f"127.0.0.1:{server.sockets[0].getsockname()[1]}", say
    await house.stop()
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.fixture(params=["serial", "net"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def added(house: House, address: str, eventually: Eventually, **setup: Any) -> str:
    key = await house.add(address, **setup)
    await eventually(lambda: bool(house.link.stations) and house.link.up)
    return key


async def test_the_first_telegram_says_what_there_is_and_the_next_what_it_measures(
    way: tuple[House, str, Say], eventually: Eventually
) -> None:
    house, address, say = way
    key = await added(house, address, eventually, every_s=1)
    await say(DSMR5)
    expected = CASES["dsmr 5: a gas meter, three phases"]["readings"]
    await eventually(lambda: house.register.points(key).keys() == expected.keys())
    assert house.register.device(key).serial == "K8EG004046395507"
    assert house.register.device(key).model == "ISk5\\2MT382-1000"
    await say(later(DSMR5, 3))
    await eventually(lambda: house.values(key) == expected)
    assert house.register.twin(key).availability is Availability.ONLINE
    assert house.register.counters(key).bad == 0


async def test_half_a_telegram_a_damaged_one_and_noise_cost_only_themselves(
    way: tuple[House, str, Say], eventually: Eventually
) -> None:
    house, address, say = way
    key = await added(house, address, eventually, every_s=1)
    damaged = later(FLUVIUS, 5).replace(b"234.7*V", b"237.4*V", 1)
    await say(FLUVIUS[500:] + FLUVIUS + b"\xff\x00\r\n" * 20 + damaged + FLUVIUS[:300] + later(FLUVIUS, 10))
    await eventually(lambda: "water_2" in house.register.points(key))
    await say(later(FLUVIUS, 15))
    await eventually(lambda: house.values(key).get("water_2") == 872.234)
    await eventually(lambda: house.register.counters(key).received == 4)
    assert house.register.counters(key).bad == 1
    assert any("the CRC does not fit" in outcome for outcome in house.outcomes(key))
    assert house.values(key)["demand"] == 2.351
    assert house.values(key)["voltage_l1"] == 234.7


async def test_of_a_meter_that_speaks_every_second_one_telegram_in_ten_is_taken(
    serial: tuple[House, str, Say], eventually: Eventually
) -> None:
    house, address, say = serial
    key = await added(house, address, eventually)
    for second in range(40):
        await say(later(DSMR5, second))
    await eventually(lambda: house.register.counters(key).received == 40)
    counters = house.register.counters(key)
    assert (counters.decoded, counters.duplicates, counters.bad) == (5, 35, 0), "they begin at two seconds past"


async def test_a_heat_meter_with_a_short_crc_and_an_old_meter_without_any(
    serial: tuple[House, str, Say], eventually: Eventually
) -> None:
    house, address, say = serial
    key = await added(house, address, eventually)
    await say(HEAT)
    await eventually(lambda: "heat_1" in house.register.points(key))
    await say(DSMR3)  # another meter was put there
    await eventually(lambda: "gas_1" in house.register.points(key))
    await say(DSMR3)
    await eventually(lambda: house.values(key).get("energy_import_t2") == 12345.678)
    assert house.register.twin(key).reported["gas_1"].quality is Quality.GOOD


def later(telegram: bytes, seconds: int) -> bytes:
    """The same telegram some seconds later, with the CRC that belongs to it (by dsmr-parser)."""
    from dsmr_parser.parsers import TelegramParser

    text = telegram.decode("ascii")
    begin = text.index("0-0:1.0.0(") + 20  # behind the minutes: (YYMMDDhhmm
    clock = int(text[begin - 2 : begin]) * 60 + int(text[begin : begin + 2]) + seconds
    body = text[: begin - 2] + f"{clock // 60:02}{clock % 60:02}" + text[begin + 2 : text.rindex("!") + 1]
    return f"{body}{TelegramParser.crc16(body):04X}\r\n".encode()
