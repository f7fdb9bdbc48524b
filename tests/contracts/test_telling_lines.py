"""What every link promises whose devices tell their values and take commands: ESPHome nodes, group addresses of KNX.

There is no question of bytes with an answer of its own as in `test_lines`; connecting, telling, commands, losing,
healing, overload, recording and stopping are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sluis.links import loop
from sluis.links.replay import ReplayLink
from sluis.model import Frame, LinkError
from sluis.runtime import SystemClock
from tests.contracts.rigs.telling import RIGS, TellingRig

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TellingRig]:
    made = RIGS[request.param](tmp_path)
    yield made
    await made.stop()
    await made.close()


async def up(rig: TellingRig, eventually: Eventually) -> None:
    await rig.start()
    await eventually(lambda: rig.reached)


async def told(rig: TellingRig, *numbers: int) -> list[Frame]:
    """The frames of the device up to the one that tells the last of these; they tell all of them, in this order."""
    frames: list[Frame] = []
    async with asyncio.timeout(20):
        while not frames or frames[-1].data != rig.data(numbers[-1]):
            frames += [frame for frame in await rig.link.take() if frame.source == rig.source]
    assert [frame.data for frame in frames if frame.data in set(map(rig.data, numbers))] == list(map(rig.data, numbers))
    return frames


async def test_what_a_device_tells_comes_in_order_with_source_and_time(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    await rig.tell(1, 2, 3)
    frames = await told(rig, 1, 2, 3)
    assert all(frame.link == rig.link.name and frame.stamp.at_us > 0 and not frame.asked for frame in frames)


async def test_what_it_held_before_is_told_after_connecting(rig: TellingRig, eventually: Eventually) -> None:
    rig.hold(41)
    await up(rig, eventually)
    if rig.link.kind == "knx":  # a bus tells nothing by itself: the link reads
        await told_with(rig, b"\x00\x40")
    else:
        await told(rig, 41)


async def told_with(rig: TellingRig, service: bytes) -> None:
    """An answer that tells what the device holds."""
    async with asyncio.timeout(20):
        while True:
            for frame in await rig.link.take():
                if frame.source == rig.source and frame.data == service + rig.data(41)[2:]:
                    return


async def test_commands_arrive_in_order_and_what_they_did_is_told(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    for n in range(100, 120):
        await rig.link.send(rig.command(n), to=rig.to)
    await eventually(lambda: rig.taken == list(range(100, 120)))
    await told(rig, *range(100, 120))


async def test_what_is_no_command_is_refused_and_goes_nowhere(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    for data in rig.nonsense:
        with pytest.raises(LinkError):
            await rig.link.send(data, to=rig.to)
    with pytest.raises(LinkError):
        await rig.link.send(rig.command(1), to="nobody")
    await rig.link.send(rig.command(2), to=rig.to)
    await eventually(lambda: rig.taken == [2])


async def test_sending_is_refused_while_it_does_not_run(rig: TellingRig) -> None:
    for sending in (rig.link.send, rig.link.request):
        with pytest.raises(LinkError):
            await sending(rig.command(1), to=rig.to)
    assert rig.link.health().reason


async def test_a_device_that_is_lost_comes_back_and_that_is_said(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    await rig.lose()
    with pytest.raises(LinkError):
        async with asyncio.timeout(20):
            while True:  # what is on its way when the power goes may still be taken by the system
                await rig.link.send(rig.command(1), to=rig.to)
                await asyncio.sleep(0)
    await eventually(lambda: not rig.reached)
    await rig.heal()
    await eventually(lambda: rig.reached, 20)
    await rig.link.send(rig.command(2), to=rig.to)
    await eventually(lambda: rig.taken[-1:] == [2])
    await told(rig, 2)
    if rig.link.kind == "knx":  # one interface, so that the way to it is the link
        assert rig.link.health().reconnects >= 1
        assert rig.link.health().last_error


async def test_more_than_fits_drops_the_oldest_and_counts_it(
    rig: TellingRig, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "WAITING", 20)
    await up(rig, eventually)
    before = rig.link.health().received
    await rig.tell(*range(1_000, 1_100))
    await eventually(lambda: rig.link.health().received >= before + 100)
    health = rig.link.health()
    assert health.waiting == 20
    assert health.dropped == health.received - 20
    assert [frame.data for frame in await rig.link.take()] == [rig.data(n) for n in range(1_080, 1_100)]
    await rig.link.send(rig.command(3), to=rig.to)
    await told(rig, 3)


async def test_counters(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    before = rig.link.health()
    await rig.link.send(rig.command(1), to=rig.to)
    await told(rig, 1)
    after = rig.link.health()
    assert after.sent == before.sent + 1
    assert after.received > before.received
    assert (after.kind, after.up, after.reason) == (rig.link.kind, True, "")
    assert after.notes


async def test_what_passed_can_be_recorded_and_replayed(
    rig: TellingRig, eventually: Eventually, tmp_path: Path
) -> None:
    await up(rig, eventually)
    await rig.tell(4)
    await told(rig, 4)
    rig.link.record(tmp_path / "recording.jsonl")
    await rig.tell(5, 6)
    frames = await told(rig, 5, 6)
    rig.link.record(None)
    await rig.tell(7)
    await told(rig, 7)
    replayed = ReplayLink.from_file(tmp_path / "recording.jsonl", SystemClock())
    replayed.set_filters(frozenset({"#"}))
    replayed.heal()
    assert [(one.source, one.data) for one in await replayed.take()] == [(one.source, one.data) for one in frames]


async def test_a_stop_is_clean_and_can_be_followed_by_a_start(rig: TellingRig, eventually: Eventually) -> None:
    await up(rig, eventually)
    await rig.stop()
    assert not rig.link.up
    assert rig.link.health().reason == "stopped"
    with pytest.raises(LinkError):
        await rig.link.send(rig.command(1), to=rig.to)
    await up(rig, eventually)
    await rig.tell(8)
    await told(rig, 8)
