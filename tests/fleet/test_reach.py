"""How far a bad release gets: no further than the first wave in which it is bad for as many as are too many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.fleet import Criteria, Limits, Phase, Plan, Release, Target, in_waves
from sluis.selftest.rollout import Fleet, Odds

RELEASE = Release(name="any-2.sluis", version="2", sequence=2, size_bytes=200_000)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    first=st.sampled_from(["1", "3", "10"]),
    bad=st.floats(0.05, 1),
    hangs=st.floats(0, 1),
    away=st.floats(0, 0.2),
    failures=st.sampled_from(["1", "2", "20%", "50%"]),
)
def test_a_bad_release_stops_in_the_first_wave_that_has_too_many_of_its_victims(
    seed: int, first: str, bad: float, hangs: float, away: float, failures: str
) -> None:
    """Who is out of reach, answers later or downloads slowly changes nothing of it."""
    limits = Limits(at_once=20, failures=failures)
    targets = [Target(key=f"n{number:04}", area=f"floor {number % 5}") for number in range(100)]
    plan = Plan(
        id="r1", release=RELEASE, waves=in_waves(targets, (first, "10%", "rest")), criteria=Criteria(), limits=limits
    )
    fleet = Fleet(plan, Odds(bad=bad * (1 - hangs), hangs=bad * hangs, away=away), seed)
    victims = [sum(1 for key in wave if fleet.nodes[key].fate) for wave in plan.waves]
    stops = next((at for at, count in enumerate(victims) if limits.too_many(count, len(plan.waves[at]))), None)
    outcome = fleet.run()
    if stops is not None:
        assert outcome.rollout.phase is Phase.PAUSED and outcome.rollout.wave <= stops
        assert outcome.reached <= {key for wave in plan.waves[: stops + 1] for key in wave}
