"""A device's figure: what takes points off, and that nothing else does; and where a battery's line ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.twins.health import SIGNAL_SPANS, DeviceHealth, Signal, Signs, health
from sluis.twins.trend import BATTERY_DAYS, CHANGED_PCT, DAY_US, battery_end, line, per_week

NOW_US = 1_700_000_000_000_000
NOTHING = Signs(NOW_US)

signals = st.builds(
    Signal,
    st.floats(-130, 300),
    st.sampled_from([*SIGNAL_SPANS, "dB"]),
    st.none() | st.floats(-300, 300),
)
signs = st.builds(
    Signs,
    now_us=st.just(NOW_US),
    offline_s=st.none() | st.floats(0, 1e7),
    heard=st.none() | st.integers(0, 100_000),
    expected=st.none() | st.floats(0, 100_000),
    battery_pct=st.none() | st.floats(-10, 110),
    battery_low=st.none() | st.booleans(),
    battery_end_us=st.none() | st.integers(NOW_US - DAY_US, NOW_US + 400 * DAY_US),
    signal=st.none() | signals,
    restarts=st.none() | st.integers(0, 200),
    drops=st.none() | st.integers(0, 2_000),
    clock_off_s=st.none() | st.floats(-1e6, 1e6),
    firmware_age_s=st.none() | st.floats(0, 1e9),
)


def days(*values: float, every: int = 1) -> list[tuple[int, float]]:
    """One value a day, the last of them now."""
    return [(NOW_US - (len(values) - 1 - n) * every * DAY_US, value) for n, value in enumerate(values)]


@given(signs)
def test_the_score_is_what_the_reasons_leave_and_no_reason_is_free(known: Signs) -> None:
    judged = health(known)
    assert 0 <= judged.score <= 100
    assert judged.score == max(0, 100 - sum(reason.points for reason in judged.reasons))
    assert all(reason.points >= 1 for reason in judged.reasons)
    assert [reason.points for reason in judged.reasons] == sorted((r.points for r in judged.reasons), reverse=True)
    assert len({reason.code for reason in judged.reasons}) == len(judged.reasons)


SIGNS = [name for name in Signs.__dataclass_fields__ if name != "now_us"]


@pytest.mark.parametrize("name", SIGNS)
@given(known=signs)
def test_a_sign_that_is_not_known_never_takes_points(name: str, known: Signs) -> None:
    assert health(replace(known, **{name: None})).score >= health(known).score


def test_who_tells_nothing_is_well() -> None:
    assert health(NOTHING) == DeviceHealth(100, ())


def worse(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(low, high), min_size=2, max_size=2)


@pytest.mark.parametrize(
    ("values", "of"),
    [
        (worse(0, 1e7), lambda value: {"offline_s": value}),
        (worse(0, 1e5), lambda value: {"expected": value, "heard": 50}),
        (worse(-1e5, 0), lambda value: {"expected": 2000.0, "heard": int(-value)}),
        (worse(-100, 0), lambda value: {"battery_pct": -value}),
        (worse(-400, 0), lambda value: {"battery_end_us": NOW_US - int(value * DAY_US)}),
        (worse(0, 120), lambda value: {"signal": Signal(-value, "dBm")}),
        (worse(-255, 0), lambda value: {"signal": Signal(-value, "lqi")}),
        (worse(0, 60), lambda value: {"signal": Signal(-70, "dBm", -value)}),
        (worse(0, 100), lambda value: {"restarts": int(value)}),
        (worse(0, 100), lambda value: {"drops": int(value)}),
        (worse(0, 1e5), lambda value: {"clock_off_s": value}),
        (worse(0, 1e5), lambda value: {"clock_off_s": -value}),
        (worse(0, 1e9), lambda value: {"firmware_age_s": value}),
    ],
)
@given(data=st.data(), rest=signs)
def test_worse_never_scores_better(
    data: st.DataObject, rest: Signs, values: st.SearchStrategy[list[float]], of: Callable[[float], dict[str, Any]]
) -> None:
    better, bad = sorted(data.draw(values))
    assert health(replace(rest, **of(bad))).score <= health(replace(rest, **of(better))).score


@pytest.mark.parametrize(
    ("known", "code", "points"),
    [
        ({"offline_s": 30.0}, "", 0),
        ({"offline_s": 2 * 86_400.0}, "offline", 40),
        ({"heard": 135, "expected": 144.0}, "", 0),
        ({"heard": 0, "expected": 144.0}, "missed-reports", 40),
        ({"heard": 300, "expected": 144.0}, "", 0),
        ({"battery_pct": 31.0}, "", 0),
        ({"battery_pct": 4.0}, "battery-low", 30),
        ({"battery_low": True}, "battery-low", 20),
        ({"battery_low": False}, "", 0),
        ({"battery_end_us": NOW_US + 60 * DAY_US}, "", 0),
        ({"battery_end_us": NOW_US}, "battery-ends", 15),
        ({"signal": Signal(-60.0, "dBm", -1.0)}, "", 0),
        ({"signal": Signal(-96.0, "dBm")}, "signal-weak", 20),
        ({"signal": Signal(-60.0, "dBm", -20.0)}, "signal-falling", 10),
        ({"signal": Signal(-99.0, "dB", -99.0)}, "", 0),
        ({"restarts": 1}, "", 0),
        ({"restarts": 12}, "restarts", 20),
        ({"drops": 2}, "", 0),
        ({"drops": 24}, "drops", 20),
        ({"clock_off_s": -3600.0}, "clock-off", 10),
        ({"firmware_age_s": 4 * 365 * 86_400.0}, "firmware-old", 10),
    ],
)
def test_what_takes_how_much(known: dict[str, Any], code: str, points: int) -> None:
    judged = health(replace(NOTHING, **known))
    assert judged.score == 100 - points
    assert [(reason.code, reason.points) for reason in judged.reasons] == ([(code, points)] if points else [])


def test_a_battery_on_a_straight_line_ends_where_the_line_does() -> None:
    levels = days(*(80 - 0.5 * day for day in range(21)))  # 70 % left, half a percent a day
    end_us = battery_end(levels, NOW_US)
    assert end_us is not None and abs(end_us - (NOW_US + 140 * DAY_US)) < DAY_US / 100


@given(st.integers(8, 60), st.floats(0.3, 3), st.lists(st.floats(-14, 14), max_size=2), st.data())
def test_a_few_odd_days_move_the_end_little(length: int, fall: float, odd: list[float], data: st.DataObject) -> None:
    values = [100 - fall * day / 2 for day in range(length)]
    true_us = NOW_US + int(values[-1] / (fall / 2) * DAY_US)
    for by in odd:
        values[data.draw(st.integers(1, length - 2))] += by
    end_us = battery_end(days(*values), NOW_US)
    if end_us is not None and length >= 12:
        assert abs(end_us - true_us) < 0.35 * (true_us - NOW_US) + 10 * DAY_US


@pytest.mark.parametrize(
    "values",
    [
        [],
        [50],
        [90] * 30,
        [90, 91, 92, 93, 94, 95, 96, 97, 98],
        [60 - day for day in range(BATTERY_DAYS)],  # a day too few
        [90, 90, 89, 90, 89, 90, 89, 90, 90, 89, 90],
    ],
)
def test_no_end_is_seen_where_there_is_none(values: list[float]) -> None:
    assert battery_end(days(*values), NOW_US) is None


def test_a_new_battery_begins_a_new_line() -> None:
    old = [30 - 3 * day for day in range(10)]
    assert battery_end(days(*old), NOW_US) is not None
    assert battery_end(days(*old, 100, 100, 99), NOW_US) is None
    fresh = [100 - day for day in range(10)]
    assert battery_end(days(*old, *fresh), NOW_US) == battery_end(days(*fresh), NOW_US)
    warm = [50, 49, 48, 47 + CHANGED_PCT - 1, 46, 45, 44, 43, 42]
    assert battery_end(days(*warm), NOW_US) is not None, "the sun shone on it; the same battery"


def test_a_battery_past_its_line_ends_now() -> None:
    levels = [(at_us - 40 * DAY_US, value) for at_us, value in days(*(27 - 3 * day for day in range(9)))]
    assert battery_end(levels, NOW_US) == NOW_US


def test_a_signals_week() -> None:
    falling = per_week(days(-60, -61, -62, -63, -64, -65))
    assert falling is not None and abs(falling + 7) < 1e-9
    assert per_week(days(-60, -90, -90)) is None
    assert per_week([]) is None


@given(st.lists(st.floats(-1e6, 1e6), max_size=40))
def test_a_line_through_anything_is_a_line_or_none(values: list[float]) -> None:
    found = line(days(*values))
    assert (found is None) == (len(values) < 2)


def test_moments_that_are_one_have_no_slope() -> None:
    assert line([(NOW_US, 1.0), (NOW_US, 2.0)]) is None
