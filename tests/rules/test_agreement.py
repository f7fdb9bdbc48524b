"""When a report is what was wished, and when a proof shows the effect."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluis.model import Kind, Point
from sluis.rules import agrees, shows_effect

LEVEL = Point("", "%", minimum=0, maximum=100, step=1, key="level")
MIRED = Point("", "mired", key="mired")
SWITCH = Point("outlet", kind=Kind.SWITCH, key="relay")
POWER = Point("power", "W", key="power")
METER = Point("power", "W", minimum=0, maximum=3000, key="meter")


def test_numbers_agree_within_half_a_step_or_one_percent() -> None:
    assert agrees(LEVEL, 50, 50.4)
    assert not agrees(LEVEL, 50, 49)
    assert agrees(MIRED, 370, 372)
    assert not agrees(MIRED, 370, 380)


def test_the_setting_one_step_away_never_confirms() -> None:
    half = Point("temperature", "°C", step=0.5, key="setpoint")
    assert not agrees(half, 21.5, 21.0)


def test_types_do_not_mix() -> None:
    assert agrees(SWITCH, True, True)
    assert not agrees(SWITCH, True, 1)
    assert not agrees(LEVEL, 1, True)
    assert agrees(Point(kind=Kind.CHOICE), "auto", "auto")


@given(st.floats(-1e9, 1e9))
def test_a_value_agrees_with_itself(value: float) -> None:
    assert agrees(MIRED, value, value)
    assert agrees(LEVEL, value, value)


def test_effects() -> None:
    assert shows_effect(True, POWER, 42.0)
    assert not shows_effect(True, POWER, 0.4)
    assert shows_effect(False, POWER, 0.4)
    assert not shows_effect(False, POWER, 42.0)
    assert not shows_effect(True, METER, 20.0)
    assert shows_effect(75, POWER, 30)
    assert shows_effect("off", POWER, 0)
    assert shows_effect(True, SWITCH, True)
    assert not shows_effect("open", SWITCH, False)
