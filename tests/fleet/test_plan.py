"""Who is in which wave, who is left out and why, how long it takes, when a window is open."""

from __future__ import annotations

import pytest

from sluis.fleet import Bounds, Criteria, Limits, Plan, Release, Selection, Target, Window, forecast, in_waves, planned

RELEASE = Release(
    name="a.sluis", version="2", sequence=5, boards=("esp",), runtime="1.29.0", least=2, size_bytes=100_000
)
FIT = {
    "family": "esp",
    "version": "1",
    "sequence": 3,
    "floor": 3,
    "runtime": "1.29.1",
    "battery_percent": 80.0,
    "rssi_dbm": -60.0,
    "free_bytes": 500_000,
}


def target(key: str, **changes: object) -> Target:
    return Target(key=key, **(FIT | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"family": "rp2"}, "board"),
        ({"sequence": 6, "floor": 6}, "rollback"),
        ({"sequence": 1, "floor": 1}, "step-missing"),
        ({"runtime": "1.9.0"}, "runtime"),
        ({"rollout": "r0"}, "rollout"),
        ({"online": False}, "offline"),
        ({"battery_percent": 29.0}, "battery"),
        ({"rssi_dbm": -86.0}, "signal"),
        ({"free_bytes": 199_999}, "space"),
    ],
)
def test_who_would_fail_is_named_beforehand_with_the_reason(changes: dict[str, object], code: str) -> None:
    waves, left_out = planned([target("a"), target("b", **changes)], RELEASE, Selection(), ("rest",), Bounds())
    assert waves == (("a",),) and left_out == (("b", code),)


def test_what_is_not_known_speaks_against_nobody_and_who_has_it_is_not_mentioned() -> None:
    unknown = target("a", battery_percent=None, rssi_dbm=None, free_bytes=None, runtime="")
    has_it = target("b", version="2", sequence=5)
    assert planned([unknown, has_it], RELEASE, Selection(), ("rest",), Bounds()) == ((("a",),), ())


def test_a_selection_takes_who_agrees_with_all_its_lists() -> None:
    selection = Selection(areas=("Floor 1",), tags=("lamp",))
    below = target("a", area="Floor 1/Kitchen", tags=("lamp", "spare"))
    assert selection.takes(below)
    assert not selection.takes(target("b", area="Floor 10", tags=("lamp",)))
    assert not selection.takes(target("c", area="Floor 1"))


def test_waves_spread_areas_and_pairs_and_do_not_depend_on_the_order() -> None:
    targets = [target(f"n{number:02}", area=f"room {number // 5}", pair=f"p{number // 2}") for number in range(20)]
    waves = in_waves(targets, ("4", "rest"))
    area = {one.key: one.area for one in targets}
    assert {area[key] for key in waves[0]} == {f"room {number}" for number in range(4)}
    pair = {one.key: one.pair for one in targets}
    assert len({pair[key] for key in waves[0]}) == 4
    assert in_waves(targets[::-1], ("4", "rest")) == waves
    assert [len(wave) for wave in in_waves(targets)] == [1, 2, 17]
    with pytest.raises(ValueError, match="no wave"):
        in_waves(targets, ("0",))


def test_the_forecast_counts_rounds_download_trial_and_soak() -> None:
    plan = Plan(
        id="r1",
        release=RELEASE,
        waves=(("a",), ("b", "c", "d")),
        limits=Limits(at_once=2),
        criteria=Criteria(soak_s=100.0),
    )
    assert forecast(plan, rate_bytes_s=1_000.0, trial_s=50.0).seconds == (250.0, 400.0)


def test_a_window_past_midnight_belongs_to_the_day_it_began() -> None:
    night = Window(days=("fri",), begins="22:00", ends="06:00")
    assert night.open_at(4, 22 * 60) and night.open_at(5, 5 * 60 + 59)
    assert not night.open_at(4, 5 * 60) and not night.open_at(5, 6 * 60) and not night.open_at(5, 22 * 60)
