"""A wave is not over before everybody in it was heard of after its soak."""

from __future__ import annotations

import pytest

from sluis.fleet import (
    Criteria,
    Limits,
    Phase,
    Plan,
    Release,
    Rollout,
    Seen,
    Step,
    Superseded,
    Tick,
    Told,
    begin,
    step,
)

SOAK_S, SILENCE_S = 600.0, 900.0
RELEASE = Release(name="any-2.sluis", version="2", sequence=2)


@pytest.fixture
def rollout() -> Rollout:
    """`a` has confirmed at 5 s, the soak of its wave began at 6 s; `b` waits for the next wave."""
    made = begin(
        Plan(
            id="r1",
            release=RELEASE,
            waves=(("a",), ("b",)),
            criteria=Criteria(soak_s=SOAK_S),
            limits=Limits(silence_s=SILENCE_S),
        ),
        {"a": "1", "b": "1"},
        "",
        0.0,
    )
    assert [order.key for order in step(made, Tick(at_s=0.0))] == ["a"]
    step(made, Told(at_s=5.0, key="a", version="2", sequence=2))
    step(made, Tick(at_s=6.0))
    return made


def test_a_release_that_hangs_after_its_confirmation_stays_in_its_wave(rollout: Rollout) -> None:
    for at_s in range(10, 1200, 5):
        assert step(rollout, Tick(at_s=float(at_s))) == []
    assert rollout.members["a"].step is Step.LOST and rollout.members["a"].failed == "silent"
    assert rollout.phase is Phase.PAUSED and rollout.wave == 0
    assert rollout.members["b"].step is Step.WAITING


def test_one_that_is_heard_of_after_the_soak_lets_the_next_wave_begin(rollout: Rollout) -> None:
    step(rollout, Seen(at_s=300.0, key="a"))
    step(rollout, Tick(at_s=700.0))
    assert rollout.wave == 0, "what it said was before the end of the soak"
    step(rollout, Seen(at_s=701.0, key="a"))
    orders = step(rollout, Tick(at_s=702.0))
    assert rollout.wave == 1 and [(one.do, one.key) for one in orders] == [("offer", "b")]


def test_one_that_was_well_in_the_soak_and_sick_at_its_end_brings_the_wave_back(rollout: Rollout) -> None:
    step(rollout, Seen(at_s=300.0, key="a"))
    orders = step(rollout, Seen(at_s=701.0, key="a", alerts=1))
    assert rollout.members["a"].failed == "alerts" and rollout.phase is Phase.RETURNING
    assert [(one.do, one.key) for one in orders] == [("undo", "a")]


def test_one_that_a_newer_wish_has_is_not_waited_for(rollout: Rollout) -> None:
    step(rollout, Superseded(at_s=100.0, keys=("a",)))
    orders = step(rollout, Tick(at_s=607.0))
    assert rollout.wave == 1 and [one.key for one in orders] == ["b"]
    assert not rollout.members["a"].failed
