"""The rollout against fleets in virtual time: what must hold whatever the nodes do."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.fleet import Criteria, Event, Limits, Order, Phase, Plan, Release, Rollout, Step, Target, in_waves
from sluis.selftest.rollout import Fleet, Odds, Outcome

RELEASE = Release(name="any-2.sluis", version="2", sequence=2, size_bytes=1_000_000)
SIZES = ("1", "10%", "rest")


def plan_of(count: int, sizes: tuple[str, ...] = SIZES, **limits: object) -> Plan:
    targets = [Target(key=f"n{number:04}", area=f"floor {number % 7}") for number in range(count)]
    return Plan(
        id="r1",
        release=RELEASE,
        waves=in_waves(targets, sizes),
        limits=Limits(**limits),  # type: ignore[arg-type]
        criteria=Criteria(soak_s=300.0),
    )


class Law:
    """Looks at every step."""

    def __init__(self, plan: Plan, *, restarts: bool = False) -> None:
        self.plan = plan
        self.wave_of = {key: number for number, wave in enumerate(plan.waves) for key in wave}
        self.offered: list[tuple[float, str]] = []
        self.given: Counter[tuple[str, str]] = Counter()
        self._restarts = restarts
        self.fleet: Fleet | None = None

    def __call__(self, rollout: Rollout, event: Event, orders: list[Order]) -> None:
        if any(order.do == "offer" and not self.given["offer", order.key] for order in orders):
            # One that was lost and comes back is under way whatever we say; nobody is added to it.
            assert rollout.under_way <= self.plan.limits.at_once
        for order in orders:
            self.given[order.do, order.key] += 1
            if order.do == "offer":
                assert rollout.phase is Phase.RUNNING and rollout.open
                assert self.wave_of[order.key] == rollout.wave, "no wave before its turn"
                self.offered.append((event.at_s, order.key))
            else:
                assert rollout.phase is Phase.RETURNING or rollout.members[order.key].failed or rollout.ended
        assert (
            not (self.plan.limits.too_many(rollout.failed_in(rollout.wave) - rollout.forgiven, self.size(rollout)))
            or rollout.phase is not Phase.RUNNING
        )
        if self._restarts and self.fleet is not None:
            self.fleet.rollout = msgspec.json.decode(msgspec.json.encode(rollout), type=Rollout)

    def size(self, rollout: Rollout) -> int:
        return len(self.plan.waves[rollout.wave])


def run(
    plan: Plan, odds: Odds, seed: int, *, restarts: bool = False, asks: tuple[tuple[float, str], ...] = ()
) -> Outcome:
    law = Law(plan, restarts=restarts)
    fleet = Fleet(plan, odds, seed, law)
    law.fleet = fleet
    for at_s, what in asks:
        fleet.ask(at_s, what)
    outcome = fleet.run()
    outcome.rollout = fleet.rollout
    return outcome


def steps(rollout: Rollout) -> Counter[Step]:
    return Counter(one.step for one in rollout.members.values())


@pytest.mark.parametrize("count", [1, 2, 9, 40, 300])
def test_a_good_release_reaches_everybody(count: int) -> None:
    outcome = run(plan_of(count), Odds(), 1)
    assert outcome.rollout.phase is Phase.DONE
    assert steps(outcome.rollout) == {Step.DONE: count}
    assert not any(one.failed for one in outcome.rollout.members.values())


@pytest.mark.parametrize("kind", ["bad", "hangs", "sick"])
@pytest.mark.parametrize("count", [5, 60])
def test_a_release_that_is_bad_for_all_reaches_the_first_wave_and_goes_back(kind: str, count: int) -> None:
    plan = plan_of(count)
    outcome = run(plan, Odds(**{kind: 1.0}), 3)  # type: ignore[arg-type]
    assert outcome.rollout.phase is Phase.PAUSED and outcome.rollout.why == "failures"
    assert outcome.reached <= set(plan.waves[0])
    runs_new = [one for one in outcome.rollout.members.values() if one.step is Step.DONE]
    assert not runs_new, "nobody is left with it"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 120),
    bad=st.floats(0, 1),
    hangs=st.floats(0, 0.3),
    sick=st.floats(0, 0.3),
    away=st.floats(0, 0.3),
    later=st.floats(0, 0.5),
    failures=st.sampled_from(["1", "2", "20%", "50%"]),
    at_once=st.integers(1, 30),
    restarts=st.booleans(),
)
def test_whatever_the_nodes_do_the_laws_hold(
    seed: int,
    count: int,
    bad: float,
    hangs: float,
    sick: float,
    away: float,
    later: float,
    failures: str,
    at_once: int,
    restarts: bool,
) -> None:
    plan = plan_of(count, failures=failures, at_once=at_once)
    odds = Odds(bad=bad, hangs=min(hangs, 1 - bad), sick=min(sick, max(0.0, 1 - bad - hangs)), away=away, later=later)
    outcome = run(plan, odds, seed, restarts=restarts and count < 30)
    rollout = outcome.rollout
    assert rollout.phase in (Phase.DONE, Phase.PAUSED)
    if rollout.phase is Phase.PAUSED:
        assert outcome.reached <= {key for wave in plan.waves[: rollout.wave + 1] for key in wave}
        ours = [member for _, member in rollout.of_wave(rollout.wave)]
        assert not [one for one in ours if one.step is Step.DONE and not one.failed], "the wave went back"
    else:
        assert all(one.settled for one in rollout.members.values())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), at_s=st.floats(1, 3_000), then=st.sampled_from(["undo", "abort"]))
def test_after_an_undo_nobody_has_the_new_version_and_after_an_abort_only_who_had_confirmed_it(
    seed: int, at_s: float, then: str
) -> None:
    plan = plan_of(40, at_once=7)
    outcome = run(plan, Odds(), seed, asks=((at_s, then),))
    rollout = outcome.rollout
    assert rollout.phase in (Phase.UNDONE, Phase.ABORTED, Phase.DONE)
    if then == "undo":
        assert rollout.phase is Phase.UNDONE
        assert not [one for one in rollout.members.values() if one.step is Step.DONE]
    assert all(one.settled for one in rollout.members.values())


def test_a_pause_holds_and_a_resume_goes_on() -> None:
    plan = plan_of(30)
    held = run(plan, Odds(), 5, asks=((120.0, "pause"),))
    assert held.rollout.phase is Phase.PAUSED
    assert run(plan, Odds(), 5, asks=((120.0, "pause"), (40_000.0, "resume"))).rollout.phase is Phase.DONE
