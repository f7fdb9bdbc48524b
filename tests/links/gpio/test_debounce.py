"""Which level counts, and which pulses: on the edges' own times."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from sluis.links.gpio.debounce import Change, Debounce
from sluis.links.gpio.lines import Counter
from sluis.links.gpio.settings import PinSettings


def test_a_level_counts_from_its_beginning_when_it_has_held() -> None:
    line = Debounce(False, 50_000)
    assert line.edge(True, 1_000_000) == []
    assert line.due_us == 1_050_000
    assert line.settle(1_049_999) == []
    assert line.settle(1_050_000) == [Change(True, 1_000_000)]
    assert line.settle(9_000_000) == []
    assert line.due_us is None


def test_a_spike_and_a_bounce_do_not_count() -> None:
    line = Debounce(False, 5_000)
    assert line.edge(True, 0) + line.edge(False, 900) + line.settle(100_000) == []
    at = 200_000
    for number in range(7):  # a reed contact that closes
        assert line.edge(number % 2 == 0, at + number * 400) == []
    assert line.settle(300_000) == [Change(True, at + 6 * 400)]


def test_a_lost_edge_does_not_make_two_pulses() -> None:
    line = Debounce(True, 1_000)
    assert line.edge(True, 10_000) + line.settle(20_000) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20_000)), max_size=60), st.integers(0, 5_000))
def test_changes_alternate_and_held_long_enough(steps: list[tuple[bool, int]], hold_us: int) -> None:
    """Whatever the edges: changes alternate, each at an edge, at least `hold_us` apart."""
    line = Debounce(False, hold_us)
    now, seen = 0, []
    for level, wait_us in steps:
        now += wait_us
        seen += line.edge(level, now)
    seen += line.settle(now + hold_us)
    assert [change.level for change in seen] == [number % 2 == 0 for number in range(len(seen))]
    assert all(later.at_us - earlier.at_us >= hold_us for earlier, later in itertools.pairwise(seen))


def counter(hold_ms: float) -> tuple[Counter, Any]:
    settings = PinSettings("meter", 22, "counter", debounce_ms=hold_ms)
    plan = {"name": "meter", "gpio": 22, "pull": "up", "active_low": True, "hold_us": settings.hold_us}
    pin = MockFactory().pin("GPIO22")
    return Counter(plan, pin, lambda line, age_us: None, lambda *edge: None, 1_000, 1_000_000), pin


@pytest.mark.parametrize("late_us", [0, 3_000_000])
def test_no_pulse_of_50_hz_is_lost_and_no_bounce_is_counted(late_us: int) -> None:
    """Ten minutes of a contact that bounces for up to 2 ms, also when its edges are read seconds late."""
    chance = random.Random(17)
    meter, _ = counter(5)
    at = 50_000_000
    for _ in range(30_000):
        for level in (True, False):
            for bounce in sorted(chance.randrange(2_000) for _ in range(2 * chance.randrange(4))):
                level_now = level if chance.random() < 0.5 else not level
                meter.edge(level_now, at + bounce, at + bounce + late_us)
            meter.edge(level, at + 2_000, at + 2_000 + late_us)
            at += 10_000
    meter.edge(False, at + 10_000, at + 10_000 + late_us)
    assert meter.count == 31_000


def test_a_counter_says_how_far_apart_its_pulses_are() -> None:
    meter, _ = counter(0)
    meter.edge(True, 1_000_000, 1_000_000)
    assert meter.data()["count"] == 1_001
    for number in range(1, 5):
        meter.edge(False, 1_000_000 + number * 72_000 - 30_000, 0)
        meter.edge(True, 1_000_000 + number * 72_000, 0)
    said = meter.data()
    assert (said["count"], said["interval_us"]) == (1_005, 72_000)
