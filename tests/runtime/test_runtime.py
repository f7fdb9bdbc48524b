"""Bus, supervisor and clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from sluis.model import LinkChanged, LinkError, Stamp
from sluis.runtime import Backoff, Bus, ManualClock, supervise

STAMP = Stamp(0, 0)


def link_event(name: str) -> LinkChanged:
    return LinkChanged(name, True, STAMP)


async def test_every_listener_gets_every_event_in_order() -> None:
    bus = Bus()
    one, two = bus.subscribe("one"), bus.subscribe("two", LinkChanged)
    bus.publish(link_event("a"), link_event("b"))
    assert await one.take() == await two.take() == [link_event("a"), link_event("b")]


async def test_a_slow_listener_loses_its_oldest_events_and_nobody_elses() -> None:
    bus = Bus()
    slow, fast = bus.subscribe("slow", depth=2), bus.subscribe("fast")
    for name in "abc":
        bus.publish(link_event(name))
    assert [event.link for event in await slow.take()] == ["b", "c"]  # type: ignore[union-attr]
    assert slow.dropped == 1
    assert len(await fast.take()) == 3


async def test_a_closed_subscription_receives_nothing() -> None:
    bus = Bus()
    gone = bus.subscribe("gone")
    gone.close()
    bus.publish(link_event("a"))
    assert len(gone) == 0


async def test_supervise_restarts_with_growing_waits_and_says_lost_once(
    tasks: Callable[[Awaitable[object]], asyncio.Task[object]], caplog: pytest.LogCaptureFixture
) -> None:
    clock, starts = ManualClock(), []

    async def fails() -> None:
        starts.append(clock.mono_us / 1e6)
        raise LinkError("cable out")

    tasks(supervise("cable", fails, clock))
    await clock.advance(30)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert 5 <= len(starts) <= 8
    assert all(1 / 3 <= gap <= 60 for gap in gaps)
    assert gaps[-1] > gaps[0] * 4
    assert caplog.text.count("cable lost: cable out") == 1


def test_back_off_is_capped() -> None:
    backoff = Backoff()
    waits = [backoff.next_s() for _ in range(100)]
    assert max(waits) <= 60
    assert min(waits[20:]) >= 40


async def test_sleepers_wake_in_order_of_their_time() -> None:
    clock, woken = ManualClock(), []

    async def sleeper(for_s: float) -> None:
        await clock.sleep(for_s)
        woken.append((for_s, clock.mono_us / 1e6))

    async with asyncio.TaskGroup() as group:
        for for_s in (3.0, 1.0, 2.0):
            group.create_task(sleeper(for_s))
        await asyncio.sleep(0)
        await clock.advance(5)
    assert woken == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
