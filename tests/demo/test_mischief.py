"""Misbehaviour: each kind does what it says, and ends when its time is over."""

from __future__ import annotations

import random

import pytest

from sluis.demo.mischief import Kind, Mischief, Order
from sluis.demo.office import Office
from sluis.demo.site import order_from
from sluis.demo.standin import Message, StandIn

SAID = [Message("a", b'{"x":1}'), Message("b", b"2", retain=True)]


def misbehaving(kind: Kind, amount: float = 0.0) -> Mischief:
    mischief = Mischief()
    mischief.outgoing(SAID, 0.0)
    mischief.start(Order(kind, 10.0, amount), 100.0)
    return mischief


def test_well_changes_nothing() -> None:
    assert Mischief().outgoing(SAID, 0.0) == SAID
    assert misbehaving(Kind.WELL).outgoing(SAID, 101.0) == SAID


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.WELL])
def test_it_ends_when_its_time_is_over(kind: Kind) -> None:
    mischief = misbehaving(kind)
    assert mischief.is_(kind, 109.9)
    assert mischief.outgoing(SAID, 110.0) == SAID
    assert mischief.order is None


def test_silent() -> None:
    assert misbehaving(Kind.SILENT).outgoing(SAID, 101.0) == []


def test_garbage_damages_what_is_not_retained() -> None:
    mischief = misbehaving(Kind.GARBAGE)
    seen = [mischief.outgoing(SAID, 101.0) for _ in range(5)]
    assert all(sent[0].payload != SAID[0].payload and sent[1] == SAID[1] for sent in seen)
    assert max(len(sent[0].payload) for sent in seen) > 900_000
    assert any(sent[0].payload == b"" for sent in seen)
    assert len({sent[0].payload for sent in seen}) == 5


def test_duplicate() -> None:
    assert misbehaving(Kind.DUPLICATE).outgoing(SAID, 101.0) == [SAID[0], SAID[0], SAID[1], SAID[1]]


def test_flood_repeats_the_last_message_at_its_rate() -> None:
    mischief = misbehaving(Kind.FLOOD, amount=100)
    sent = [m for tick in range(1, 21) for m in mischief.tick(100.0 + tick * 0.2)]
    assert 395 <= len(sent) <= 400
    assert set(sent) == {SAID[0]}


def test_lag_delays_everything_and_loses_nothing() -> None:
    mischief = misbehaving(Kind.LAG, amount=3.0)
    assert mischief.outgoing(SAID, 101.0) == []
    assert mischief.tick(103.9) == []
    assert mischief.tick(104.0) == SAID
    mischief.outgoing(SAID, 109.0)
    assert mischief.tick(112.0) == SAID


def test_stuck_sensors_keep_their_value_while_the_office_moves_on(office: Office, chance: random.Random) -> None:
    standin = StandIn(office, chance)
    standin.stick(True)
    before = standin.sees.rooms["Office"].temperature_c
    office.rooms["Office"].temperature_c += 5
    assert standin.sees.rooms["Office"].temperature_c == before
    standin.stick(False)
    assert standin.sees.rooms["Office"].temperature_c == before + 5


def test_orders_are_read_from_json() -> None:
    assert order_from('{"device":"heater","kind":"flood","for_s":3,"amount":50}') == (
        "heater",
        Order(Kind.FLOOD, 3, 50),
    )
    for wrong in ('{"kind":"dance"}', "[]", "nonsense", "{}"):
        with pytest.raises(ValueError):
            order_from(wrong)
