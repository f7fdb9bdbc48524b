"""What every link without acknowledgement promises, asked of each: serial ports, serial servers, TCP, UDP.

A device on the far side is asked, speaks by itself, falls silent, is cut off and comes back. A new kind of link adds
its rig in `rigs` and is asked the same.
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
from sluis.runtime.patience import patient
from tests.contracts.rigs import Rig, all_rigs

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture(params=sorted(all_rigs()))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made = all_rigs()[request.param](tmp_path)
    yield made
    await made.stop()
    await made.close()


async def up(rig: Rig, eventually: Eventually) -> None:
    """The link runs and the device answers."""
    await rig.start()
    await eventually(lambda: answers(rig))


async def answers(rig: Rig) -> bool:
    try:
        frame = await rig.link.request(rig.ask(9_999), to=rig.source, timeout_s=1)
    except LinkError:
        return False
    return bool(frame.data == rig.answer(9_999))


async def collect(rig: Rig, count: int, wanted: Callable[[Frame], bool] = lambda frame: not frame.asked) -> list[Frame]:
    """So many frames of the device that fit."""
    frames: list[Frame] = []
    async with asyncio.timeout(20):
        while len(frames) < count:
            frames += [frame for frame in await rig.link.take() if frame.source == rig.source and wanted(frame)]
    return frames


async def test_what_a_device_says_by_itself_comes_in_order_with_source_and_time(
    rig: Rig, eventually: Eventually
) -> None:
    await up(rig, eventually)
    await rig.feed(b"!1", b"!2", b"!3")
    frames = await collect(rig, 3)
    assert [frame.data for frame in frames] == [b"!1", b"!2", b"!3"]
    assert all(frame.link == rig.link.name and frame.stamp.at_us > 0 and not frame.asked for frame in frames)


async def test_a_request_gets_its_answer_and_decode_gets_it_too(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    answer = await rig.link.request(rig.ask(7), to=rig.source, timeout_s=10)
    assert (answer.source, answer.data, answer.asked) == (rig.source, rig.answer(7), rig.ask(7))
    [taken] = await collect(rig, 1, lambda frame: frame.asked == rig.ask(7))
    assert taken == answer


async def test_questions_wait_for_each_other(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    told = await asyncio.gather(*(rig.link.request(rig.ask(n), to=rig.source, timeout_s=10) for n in range(20)))
    assert [frame.data for frame in told] == [rig.answer(n) for n in range(20)]


async def test_a_command_goes_before_the_polls_that_wait(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    rig.mute(True)

    async def poll(n: int) -> None:
        patient.set(True)
        await rig.link.request(rig.ask(n), to=rig.source, timeout_s=10)

    polls = [asyncio.ensure_future(poll(n)) for n in range(5)]
    await eventually(lambda: rig.asked[-1] == rig.ask(0))
    command = asyncio.ensure_future(rig.link.request(rig.ask(100), to=rig.source, timeout_s=10))
    await asyncio.sleep(0)
    rig.mute(False)
    await asyncio.gather(command, *polls)
    assert rig.asked[-6:] == [rig.ask(n) for n in (0, 100, 1, 2, 3, 4)]


async def test_a_request_without_an_answer_fails_in_time(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    rig.mute(True)
    with pytest.raises(LinkError, match="no answer"):
        await rig.link.request(rig.ask(1), to=rig.source, timeout_s=0.1)


async def test_a_late_answer_is_not_taken_for_that_of_the_next_question(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    rig.mute(True)
    with pytest.raises(LinkError):
        await rig.link.request(rig.ask(1), to=rig.source, timeout_s=0.1)
    asking = asyncio.ensure_future(rig.link.request(rig.ask(2), to=rig.source, timeout_s=10))
    await eventually(lambda: rig.asked[-1] == rig.ask(2))
    rig.mute(False)
    assert (await asking).data == rig.answer(2)
    [late] = await collect(rig, 1, lambda frame: frame.data == rig.answer(1))
    assert late.asked == b""


async def test_sending_is_refused_while_it_does_not_run(rig: Rig) -> None:
    for sending in (rig.link.send, rig.link.request):
        with pytest.raises(LinkError):
            await sending(rig.question, to=rig.source)
    assert rig.link.health().reason


async def test_it_is_lost_and_heals_and_says_so(rig: Rig, eventually: Eventually) -> None:
    told: list[bool] = []
    rig.link.on_change(lambda is_up, reason: told.append(is_up))
    await up(rig, eventually)
    before = rig.link.health()
    assert before.up
    await rig.lose()
    if rig.port_is_link:
        await eventually(lambda: not rig.link.up)
        assert rig.link.health().reason
    with pytest.raises(LinkError):
        await rig.link.request(rig.question, to=rig.source, timeout_s=0.2)
    await rig.heal()
    await eventually(lambda: answers(rig))
    await rig.feed(b"!back")
    assert (await collect(rig, 1))[0].data == b"!back"
    if rig.port_is_link:
        assert (told[0], told[-1]) == (True, True)
        assert False in told
        assert rig.link.health().reconnects >= 1
        assert rig.link.health().last_error


async def test_whoever_waits_for_an_answer_knows_at_once_that_it_is_lost(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    rig.mute(True)
    within_s = 50 if rig.notices else 0.3
    asking = asyncio.ensure_future(rig.link.request(rig.ask(1), to=rig.source, timeout_s=within_s))
    await eventually(lambda: rig.asked[-1] == rig.ask(1))
    await rig.lose()
    with pytest.raises(LinkError):
        await asyncio.wait_for(asking, 5)


async def test_more_than_fits_drops_the_oldest_and_counts_it(
    rig: Rig, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "WAITING", 200)
    await up(rig, eventually)
    before = rig.link.health().received
    await rig.feed(*(b"!%d" % number for number in range(1_000)))
    await eventually(lambda: rig.link.health().received >= before + 1_000)
    health = rig.link.health()
    assert (health.waiting, health.up) == (200, True)
    assert health.dropped == health.received - 200
    assert [frame.data for frame in await rig.link.take()] == [b"!%d" % number for number in range(800, 1_000)]
    assert await answers(rig)


async def test_counters(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    before = rig.link.health()
    await rig.link.request(rig.ask(1), to=rig.source, timeout_s=10)
    await rig.feed(b"!1")
    await eventually(lambda: rig.link.health().received == before.received + 2)
    after = rig.link.health()
    assert after.sent == before.sent + 1
    assert (after.kind, after.up, after.reason) == (rig.link.kind, True, "")
    assert after.notes


async def test_what_passed_can_be_recorded_and_replayed(rig: Rig, eventually: Eventually, tmp_path: Path) -> None:
    await up(rig, eventually)
    await rig.link.take()
    rig.link.record(tmp_path / "recording.jsonl")
    await rig.link.request(rig.ask(5), to=rig.source, timeout_s=10)
    await rig.feed(b"!\xff")
    frames = await collect(rig, 2, lambda frame: True)
    rig.link.record(None)
    await rig.feed(b"!after")
    await collect(rig, 1)
    replayed = ReplayLink.from_file(tmp_path / "recording.jsonl", SystemClock())
    replayed.set_filters(frozenset({"#"}))
    replayed.heal()
    again = await replayed.take()
    assert [(frame.source, frame.data) for frame in again] == [(frame.source, frame.data) for frame in frames]
    assert frames[0].asked == rig.ask(5)
    assert '"asked_hex"' in (tmp_path / "recording.jsonl").read_text()


async def test_a_stop_is_clean_and_can_be_followed_by_a_start(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    await rig.stop()
    assert not rig.link.up
    assert rig.link.health().reason == "stopped"
    with pytest.raises(LinkError):
        await rig.link.request(rig.question, to=rig.source)
    await rig.start()
    await eventually(lambda: answers(rig))
