"""The office's meter and projector, asked over TCP by clients of others, and while they misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pymodbus.client import AsyncModbusTcpClient

from sluis.demo.asked import Front
from sluis.demo.meter import INSTALLED_KWH, UNIT, EnergyMeter
from sluis.demo.mischief import Kind, Order
from sluis.demo.office import Office
from sluis.demo.projector import RoomProjector
from sluis.demo.site import the_time
from sluis_drivers.modbus.mapping import parsed, shipped

Eventually = Callable[..., Awaitable[None]]


@contextlib.asynccontextmanager
async def living(front: Front) -> AsyncIterator[Front]:
    """On the network, with its time running."""

    async def live() -> None:
        while True:
            await front.tick(the_time())
            await asyncio.sleep(0.02)

    async with front.on_the_network():
        task = asyncio.ensure_future(live())
        try:
            yield front
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def modbus(front: Front) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=front.port, timeout=10, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def registers(client: AsyncModbusTcpClient, address: int) -> float:
    answer = await client.read_input_registers(address, count=2, device_id=UNIT)
    assert not answer.isError(), answer
    value = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
    assert isinstance(value, float)
    return value


async def asked(port: int, line: bytes) -> bytes:
    """One PJLink question on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        assert await reader.readuntil(b"\r") == b"PJLINK 0\r"
        writer.write(line + b"\r")
        return await reader.readuntil(b"\r")
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_meter_measures_what_the_office_draws(office: Office, chance: random.Random) -> None:
    office.loads["heater"].on = True
    office.step(1)
    drawn_w = sum(load.watts for load in office.loads.values())
    assert drawn_w > 1500
    async with living(Front(EnergyMeter(office, chance), 0)) as front, modbus(front) as client:
        assert await registers(client, 0x000C) == pytest.approx(drawn_w, abs=0.1)
        volts, amps, factor = [await registers(client, address) for address in (0x0000, 0x0006, 0x001E)]
        assert 225 < volts < 235
        assert 0.8 < factor < 1.0
        assert volts * amps * factor == pytest.approx(drawn_w, rel=0.01)
        before = await registers(client, 0x0048)
        office.step(3600)
        assert await registers(client, 0x0048) - before == pytest.approx(office.loads["heater"].watts / 1000, abs=1.5)
        assert await registers(client, 0x0048) == pytest.approx(INSTALLED_KWH + counted_kwh(office), abs=0.001)


def counted_kwh(office: Office) -> float:
    return sum(load.energy_wh for load in office.loads.values()) / 1000


def test_our_map_finds_each_of_its_registers(office: Office, chance: random.Random) -> None:
    """The stand-in's table is Eastron's; the map is ours. Each address has the meaning that the other gives it."""
    measured = EnergyMeter(office, chance).measured()
    ours = {one.address: one.point.key for one in parsed(shipped()["eastron-sdm120"], "x").registers}
    assert ours.keys() == measured.keys()
    assert (ours[0x000C], ours[0x0046], ours[0x0048]) == ("power", "frequency", "energy_import")


async def test_what_is_no_register_is_refused(office: Office, chance: random.Random) -> None:
    async with living(Front(EnergyMeter(office, chance), 0)) as front, modbus(front) as client:
        assert (await client.read_input_registers(0x2000, count=2, device_id=UNIT)).exception_code == 2
        assert (await client.write_register(0, 1, device_id=UNIT)).isError()


async def test_the_projector_draws_power_in_every_state(office: Office, eventually: Eventually) -> None:
    projector, load = RoomProjector(office, warm_s=0.3, cool_s=0.3), office.loads["projector"]

    def draws(low_w: float, high_w: float) -> bool:
        office.step(0.1)
        return low_w < load.watts < high_w

    async with living(Front(projector, 0)) as front:
        await eventually(lambda: draws(0.3, 1), within_s=20)
        assert await asked(front.port, b"%1POWR 1") == b"%1POWR=OK\r"
        await eventually(lambda: draws(284, 286), within_s=20)
        assert await asked(front.port, b"%1POWR ?") == b"%1POWR=1\r"
        assert await asked(front.port, b"%1POWR 0") == b"%1POWR=OK\r"
        await eventually(lambda: draws(0.3, 1), within_s=20)


async def test_a_stuck_projector_warms_up_for_ever(office: Office) -> None:
    async with living(Front(RoomProjector(office, warm_s=0.0), 0)) as front:
        front.misbehave(Order(Kind.STUCK, 60), the_time())
        before = await asked(front.port, b"%1POWR ?")
        assert await asked(front.port, b"%1INST ?") != before
        front.misbehave(Order(Kind.WELL), the_time())
        assert await asked(front.port, b"%1POWR ?") == b"%1POWR=0\r" == before


async def test_a_stuck_meter_counts_no_more(office: Office, chance: random.Random) -> None:
    async with living(Front(EnergyMeter(office, chance), 0)) as front, modbus(front) as client:
        front.misbehave(Order(Kind.STUCK, 60), the_time())
        before = await registers(client, 0x0048)
        office.step(3600)
        assert await registers(client, 0x0048) == before
        front.misbehave(Order(Kind.WELL), the_time())
        assert await registers(client, 0x0048) > before + 0.5


async def test_dropped_it_is_gone_and_comes_back_at_the_same_place(
    office: Office, chance: random.Random, eventually: Eventually
) -> None:
    async with living(Front(EnergyMeter(office, chance), 0)) as front:
        port = front.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        front.misbehave(Order(Kind.DROP, 600), the_time())
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        front.misbehave(Order(Kind.WELL), the_time())

        async def answers() -> bool:
            try:
                async with modbus(front) as client:
                    return await registers(client, 0x0000) > 200
            except (ConnectionError, AssertionError):
                return False

        await eventually(answers, within_s=20)
        assert front.port == port


@pytest.mark.parametrize(("kind", "times"), [(Kind.DUPLICATE, 2), (Kind.LAG, 1)])
async def test_an_answer_comes_twice_or_late(office: Office, kind: Kind, times: int) -> None:
    async with living(Front(RoomProjector(office), 0)) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        assert await reader.readuntil(b"\r") == b"PJLINK 0\r"
        front.misbehave(Order(kind, 600, 0.2 if kind is Kind.LAG else 0), the_time())
        asked_s = the_time().s
        writer.write(b"%1CLSS ?\r")
        said = b"%1CLSS=2\r" * times
        assert await reader.readexactly(len(said)) == said
        assert kind is not Kind.LAG or the_time().s - asked_s >= 0.2
        writer.close()


async def test_silent_it_says_nothing(office: Office, eventually: Eventually) -> None:
    projector = RoomProjector(office)
    async with living(Front(projector, 0)) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        assert await reader.readuntil(b"\r") == b"PJLINK 0\r"
        front.misbehave(Order(Kind.SILENT, 600), the_time())
        writer.write(b"%1CLSS ?\r")
        await eventually(lambda: projector.heard_frames == [b"%1CLSS ?"], within_s=20)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.close()


async def test_garbage_is_no_answer(office: Office) -> None:
    async with living(Front(RoomProjector(office), 0)) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        await reader.readuntil(b"\r")
        front.misbehave(Order(Kind.GARBAGE, 600), the_time())
        writer.write(b"%1CLSS ?\r")
        assert not (await reader.read(9)).startswith(b"%1CLSS=2")
        writer.close()
