"""Who goes first on a wire that carries one question at a time."""

from __future__ import annotations

import asyncio

import pytest

from sluis.links.exchange.turns import DEAD_AFTER, REST, Turns
from sluis.model import LinkError


class Wire:
    """Writes down who had it."""

    def __init__(self) -> None:
        self.turns, self.had = Turns(), list[str]()
        self.hold = asyncio.Event()

    async def use(self, address: str, *, urgent: bool = False, within_s: float = 10) -> None:
        async with self.turns.turn(address, urgent=urgent, within_s=within_s):
            self.had.append(address)
            await self.hold.wait()

    def start(self, address: str, *, urgent: bool = False) -> asyncio.Task[None]:
        return asyncio.ensure_future(self.use(address, urgent=urgent))


async def test_the_address_served_longest_ago_goes_first() -> None:
    wire = Wire()
    using = [wire.start("a")]
    await asyncio.sleep(0)
    using += [wire.start(address) for address in ("a", "a", "b", "c")]
    await asyncio.sleep(0)
    wire.hold.set()
    await asyncio.gather(*using)
    assert wire.had == ["a", "b", "c", "a", "a"]


async def test_whoever_wants_it_now_goes_before_what_can_wait() -> None:
    wire = Wire()
    using = [wire.start("a")]
    await asyncio.sleep(0)
    using += [wire.start("b"), wire.start("c"), wire.start("a", urgent=True)]
    await asyncio.sleep(0)
    wire.hold.set()
    await asyncio.gather(*using)
    assert wire.had == ["a", "a", "b", "c"]


async def test_a_turn_that_does_not_come_is_refused_and_leaves_no_gap() -> None:
    wire = Wire()
    first = wire.start("a")
    await asyncio.sleep(0)
    with pytest.raises(LinkError, match="turn"):
        await wire.use("b", within_s=0.01)
    assert (wire.turns.refused, wire.turns.waiting) == (1, 0)
    wire.hold.set()
    await first
    await wire.use("b")


async def test_whoever_leaves_as_the_turn_comes_gives_it_on() -> None:
    wire = Wire()
    first, leaving, last = wire.start("a"), wire.start("b"), wire.start("c")
    await asyncio.sleep(0)
    wire.hold.set()
    leaving.cancel()
    await asyncio.gather(first, last)
    assert wire.had == ["a", "c"]
    assert not wire.turns.busy


async def test_a_dead_address_rests_and_costs_the_others_a_tenth() -> None:
    wire = Wire()
    wire.hold.set()
    for address in ("dead", "alive"):
        await wire.use(address)
    for _ in range(DEAD_AFTER):
        wire.turns.missed("dead", 0.02)
    loop = asyncio.get_running_loop()
    began = loop.time()
    using = [wire.start("dead"), wire.start("alive")]
    await asyncio.gather(*using)
    assert wire.had[-2:] == ["alive", "dead"]
    assert loop.time() - began >= REST * 0.02 * 0.9
    wire.turns.answered("dead")
    assert wire.turns.misses("dead") == 0


async def test_a_command_to_a_dead_address_does_not_rest() -> None:
    wire = Wire()
    wire.hold.set()
    for address in ("dead", "alive"):
        await wire.use(address)
    for _ in range(DEAD_AFTER):
        wire.turns.missed("dead", 100)
    await asyncio.wait_for(wire.use("dead", urgent=True), 5)


async def test_alone_on_a_wire_nobody_rests() -> None:
    wire = Wire()
    wire.hold.set()
    await wire.use("dead")
    for _ in range(5):
        wire.turns.missed("dead", 100)
    await asyncio.wait_for(wire.use("dead"), 5)
