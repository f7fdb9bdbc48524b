"""Many stations on one stream: answers find their questions, and nothing else passes for one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.links.exchange import Pace
from sluis.links.exchange.tally import ADDRESSES
from sluis.model import LinkError
from sluis.runtime.patience import patient
from sluis.sdk import Framing, Station
from tests.links.exchange.bus import Bus, read, rtu, values

Eventually = Callable[..., Awaitable[None]]


async def test_each_unit_answers_its_own_question() -> None:
    bus = Bus()
    for unit in (1, 2, 3):
        bus.station(unit)
        bus.devices[unit] = lambda asked: values(asked[0], 100 + asked[0])
    answers = await asyncio.gather(*(bus.exchange.ask(f"bus/{unit}", read(unit), 5) for unit in (3, 1, 2)))
    assert [(one.source, one.data[3:5]) for one in answers] == [("bus/3", b"\0g"), ("bus/1", b"\0e"), ("bus/2", b"\0f")]
    assert [one.asked for one in answers] == [read(unit) for unit in (3, 1, 2)]
    assert bus.noted(3)["answered"] == 1


async def test_noise_before_an_answer_is_counted_and_harms_nothing() -> None:
    bus = Bus()
    bus.station(1)
    bus.devices[1] = lambda asked: values(1, 7)
    bus.before = b"\xff\x00\x7f"
    assert (await bus.exchange.ask("bus/1", read(1), 5)).data == values(1, 7)
    assert bus.exchange.notes()["noise"] == 3


async def test_a_line_full_of_noise_is_a_time_out_and_counted(eventually: Eventually) -> None:
    bus = Bus()
    bus.station(1)
    bus.devices[1] = lambda asked: b"\x01\x03\x02\x00\x07\x00\x00" + b"\xa5" * 50
    with pytest.raises(LinkError, match="no answer"):
        await bus.exchange.ask("bus/1", read(1), 0.1)
    notes = bus.exchange.notes()
    assert (notes["crc"], notes["noise"]) == (1, 57)
    assert bus.frames == []
    assert bus.noted(1)["timeouts"] == 1


async def test_a_device_that_answers_for_another_address_is_counted_under_that_address() -> None:
    bus = Bus()
    bus.station(1)
    bus.station(9)
    bus.devices[1] = lambda asked: values(9, 7)
    with pytest.raises(LinkError, match="no answer"):
        await bus.exchange.ask("bus/1", read(1), 0.05)
    [frame] = bus.frames
    assert (frame.source, frame.asked) == ("bus/9", b"")
    assert (bus.noted(9)["unasked"], bus.noted(1)["timeouts"]) == (1, 1)


async def test_a_truncated_answer_is_nobodys() -> None:
    bus = Bus()
    bus.station(1)
    bus.devices[1] = lambda asked: values(1, 7)[:-1]
    with pytest.raises(LinkError, match="no answer"):
        await bus.exchange.ask("bus/1", read(1), 0.05)
    bus.devices[1] = lambda asked: values(1, 8)
    assert (await bus.exchange.ask("bus/1", read(1), 5)).data == values(1, 8)


async def test_an_answer_of_the_wrong_length_is_no_answer() -> None:
    bus = Bus()
    bus.station(1)
    bus.devices[1] = lambda asked: values(1, 7, 8)
    with pytest.raises(LinkError, match="no answer"):
        await bus.exchange.ask("bus/1", read(1, count=1), 0.05)
    assert [frame.asked for frame in bus.frames] == [b""]


async def test_a_late_answer_with_the_same_shape_is_not_taken_for_the_next_register() -> None:
    bus = Bus()
    bus.station(1)
    with pytest.raises(LinkError):
        await bus.exchange.ask("bus/1", read(1, register=0), 0.05)
    bus.devices[1] = lambda asked: values(1, 1111) + values(1, 2222)  # to the first question, and to the second
    answer = await bus.exchange.ask("bus/1", read(1, register=10), 5)
    assert answer.data == values(1, 2222)
    assert [(frame.data, frame.asked) for frame in bus.frames] == [
        (values(1, 1111), b""),
        (values(1, 2222), read(1, register=10)),
    ]
    assert bus.noted(1)["late"] == 1


async def test_a_late_answer_while_nothing_is_asked_is_attributed() -> None:
    bus = Bus()
    bus.station(1)
    with pytest.raises(LinkError):
        await bus.exchange.ask("bus/1", read(1), 0.05)
    bus.says(values(1, 5))
    assert [(frame.source, frame.asked) for frame in bus.frames] == [("bus/1", b"")]
    assert bus.noted(1)["late"] == 1


async def test_an_asker_that_leaves_leaves_no_trap(eventually: Eventually) -> None:
    bus = Bus()
    bus.station(1)
    asking = asyncio.ensure_future(bus.exchange.ask("bus/1", read(1), 5))
    await eventually(lambda: len(bus.sent) == 1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    bus.devices[1] = lambda asked: values(1, 1) + values(1, 2)
    assert (await bus.exchange.ask("bus/1", read(1, register=5), 5)).data == values(1, 2)


async def test_a_poll_is_asked_again_and_a_command_is_not() -> None:
    bus = Bus(Pace(retries=2))
    bus.station(1)
    with pytest.raises(LinkError):
        await bus.exchange.ask("bus/1", read(1), 0.02)
    assert len(bus.sent) == 1

    async def poll() -> None:
        patient.set(True)
        await bus.exchange.ask("bus/2", read(2), 0.02)

    with pytest.raises(LinkError):
        await asyncio.create_task(poll())
    assert bus.sent[1:] == [read(2)] * 3


async def test_a_station_may_say_how_often_and_how_long() -> None:
    bus = Bus()
    bus.station(1, retries=1, answer_s=0.02)
    with pytest.raises(LinkError, match=r"within 0.02 s"):
        await bus.exchange.ask("bus/1", read(1), 60)
    assert bus.sent == [read(1)] * 2


async def test_an_exception_is_an_answer() -> None:
    bus = Bus()
    bus.station(1)
    bus.devices[1] = lambda asked: rtu(1, 0x83, 2)
    assert (await bus.exchange.ask("bus/1", read(1), 5)).data == rtu(1, 0x83, 2)


async def test_while_the_port_is_away_a_question_fails_and_the_next_is_not_held_up() -> None:
    bus = Bus()
    bus.station(1)
    bus.connected = False
    with pytest.raises(LinkError, match="away"):
        await bus.exchange.ask("bus/1", read(1), 5)
    bus.connected = True
    bus.devices[1] = lambda asked: values(1, 1)
    await bus.exchange.ask("bus/1", read(1), 5)


async def test_half_a_frame_before_a_loss_is_no_beginning_after_it() -> None:
    bus = Bus()
    bus.exchange.set_stations({"bus/1": Station("bus/1", Framing(end=b"\r"), listens=True)})
    bus.says(b"half a l")
    bus.exchange.lost("pulled out")
    bus.exchange.connected()
    bus.says(b"whole\r")
    assert [frame.data for frame in bus.frames] == [b"whole"]


async def test_without_stations_what_comes_between_silences_is_a_frame(eventually: Eventually) -> None:
    bus = Bus(raw_source="bus")
    bus.says(b"\x01\x02")
    bus.says(b"\x03")
    await eventually(lambda: len(bus.frames) == 1)
    assert (bus.frames[0].source, bus.frames[0].data) == ("bus", b"\x01\x02\x03")


async def test_a_greeting_is_what_came_first_on_this_connection() -> None:
    bus = Bus()
    bus.exchange.set_stations({"bus/1": Station("bus/1", Framing(end=b"\r"), greets=True)})
    bus.exchange.connected()
    bus.says(b"HELLO 1\rmore\r")
    assert (await bus.exchange.ask("bus/1", b"", 5)).data == b"HELLO 1"
    assert (await bus.exchange.ask("bus/1", b"", 5)).data == b"HELLO 1"
    bus.exchange.lost("closed")
    bus.exchange.connected()
    bus.says(b"HELLO 2\r")
    assert (await bus.exchange.ask("bus/1", b"", 5)).data == b"HELLO 2"


async def test_invented_addresses_fill_no_memory() -> None:
    bus = Bus()
    bus.exchange.set_stations({"bus/1": Station("bus/1", Framing("modbus-rtu"), listens=True)})
    for unit in range(1, 248):
        bus.says(values(unit, 1))
    for number in range(400):
        await bus.exchange.tell(f"bus/x{number}", b"x")
        with pytest.raises(LinkError):
            await bus.exchange.ask(f"bus/x{number}", b"x", 0)
    assert len(bus.exchange.notes()["addresses"]) <= ADDRESSES + 1


@settings(max_examples=50, deadline=None)
@given(noise=st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_comes_in_the_next_question_is_answered(noise: list[bytes]) -> None:
    async def run() -> None:
        bus = Bus()
        bus.station(1)
        for piece in noise:
            bus.says(piece)
        bus.devices[1] = lambda asked: values(1, 7)
        assert (await bus.exchange.ask("bus/1", read(1), 5)).data == values(1, 7)

    asyncio.run(run())


# -- our own voice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", ["auto", "on"])
async def test_an_echo_is_dropped(echo: str) -> None:
    bus = Bus(Pace(echo=echo))  # type: ignore[arg-type]
    bus.station(1)
    bus.echo = True
    bus.devices[1] = lambda asked: values(1, 7)
    assert (await bus.exchange.ask("bus/1", read(1), 5)).data == values(1, 7)
    notes = bus.exchange.notes()
    assert (notes["echoes"], notes["hears_itself"], notes["noise"]) == (1, True, 0)


async def test_an_echo_that_was_learned_is_not_taken_for_the_answer_to_a_write() -> None:
    """A write is answered with the same bytes: without the echo dropped, the echo would pass for success."""
    bus = Bus(Pace(echo="auto"))
    bus.station(1)
    bus.echo = True
    bus.devices[1] = lambda asked: values(1, 7)
    await bus.exchange.ask("bus/1", read(1), 5)
    del bus.devices[1]
    write = rtu(1, 6, 0, 1, 0, 5)
    with pytest.raises(LinkError, match="no answer"):
        await bus.exchange.ask("bus/1", write, 0.05)
    bus.devices[1] = lambda asked: asked
    assert (await bus.exchange.ask("bus/1", write, 5)).data == write


async def test_without_an_echo_the_answer_to_a_write_is_taken() -> None:
    bus = Bus(Pace(echo="auto"))
    bus.station(1)
    bus.devices[1] = lambda asked: asked
    write = rtu(1, 6, 0, 1, 0, 5)
    assert (await bus.exchange.ask("bus/1", write, 5)).data == write
    assert bus.exchange.notes()["hears_itself"] is False


async def test_an_echo_that_comes_back_changed_is_a_collision() -> None:
    bus = Bus(Pace(echo="on"))
    bus.station(1)
    bus.devices[1] = lambda asked: b"\x01\x03\xff" + values(1, 7)
    await bus.exchange.ask("bus/1", read(1), 5)
    assert bus.exchange.notes()["collisions"] == 1


# -- quiet ----------------------------------------------------------------------------------------------------


async def test_between_an_answer_and_the_next_question_the_wire_is_quiet() -> None:
    bus = Bus(Pace(gap_s=0.03))
    loop, at = asyncio.get_running_loop(), list[float]()

    def answer(asked: bytes) -> bytes:
        at.append(loop.time())
        return values(1, 7)

    bus.station(1)
    bus.devices[1] = answer
    for _ in range(3):
        await bus.exchange.ask("bus/1", read(1), 5)
    assert min(b - a for a, b in itertools.pairwise(at)) >= 0.03


async def test_noise_without_end_does_not_silence_the_bus(eventually: Eventually) -> None:
    bus = Bus(Pace(gap_s=0.02))
    bus.station(2)

    async def babble() -> None:
        while True:
            bus.says(b"\xff")
            await asyncio.sleep(0.002)

    babbling = asyncio.ensure_future(babble())
    await bus.exchange.heard.wait()
    with pytest.raises(LinkError):
        await bus.exchange.ask("bus/2", read(2), 0.01)
    assert len(bus.sent) == 1
    assert bus.exchange.notes()["crowded"] == 1
    babbling.cancel()
