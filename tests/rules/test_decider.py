"""The decider alone: conditions, phases, and what must hold for every sequence of observations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.model import Availability, Quality, Value
from sluis.rules import (
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Fact,
    Happens,
    Heard,
    Observation,
    Phase,
    Poor,
    Reach,
    Rule,
    Selector,
    State,
    Stuck,
    Subject,
    Tick,
    Transition,
    Unreachable,
    due,
    step,
)

S = 1_000_000


def play(rule: Rule, *script: tuple[float, Observation]) -> list[tuple[float, str]]:
    """Feed observations at seconds; tick whenever the decider asks to. Returns (second, transition)."""
    state = State.fresh(0)
    seen: list[tuple[float, str]] = []
    for at_s, observation in (*script, (10_000.0, Tick())):
        while (next_us := due(rule, state)) is not None and next_us < at_s * S:
            state, change = step(rule, state, Tick(), next_us)
            if change:
                seen.append((next_us / S, change.value))
        state, change = step(rule, state, observation, int(at_s * S))
        if change:
            seen.append((at_s, change.value))
    return seen


def rule(when: Condition, for_s: float = 0) -> Rule:
    return Rule("r", when, for_s=for_s)


def hot(value: Value, quality: Quality = Quality.GOOD, stale: bool = False) -> Heard:
    return Heard(value, quality, stale)


def test_threshold_with_hysteresis() -> None:
    seen = play(rule(Above(28, clear=26)), (1, hot(28)), (2, hot(28.1)), (3, hot(27)), (4, hot(26)), (5, hot(27)))
    assert seen == [(2, "opened"), (4, "cleared")]


def test_below() -> None:
    assert play(rule(Below(15, clear=20)), (1, hot(14)), (2, hot(19)), (3, hot(20))) == [(1, "opened"), (3, "cleared")]


def test_for_duration_opens_by_time_alone_and_a_break_starts_again() -> None:
    over = rule(Above(28), for_s=300)
    assert play(over, (10, hot(30))) == [(310, "opened")]
    assert play(over, (10, hot(30)), (200, hot(27)), (250, hot(30))) == [(550, "opened")]


@pytest.mark.parametrize(
    "unknown",
    [hot(30, Quality.BAD), hot(30, stale=True), hot(99, Quality.UNCERTAIN), Reach(Availability.UNKNOWN, True)],
)
def test_what_is_not_known_neither_opens_nor_clears(unknown: Observation) -> None:
    assert play(rule(Above(28)), (1, unknown)) == []
    assert play(rule(Above(28), for_s=60), (1, hot(30)), (30, unknown)) == []
    assert play(rule(Above(28)), (1, hot(30)), (2, unknown)) == [(1, "opened")]


def test_a_switch_is_not_a_number() -> None:
    assert play(rule(Above(0)), (1, hot(True))) == []
    assert play(rule(Equals(True)), (1, hot(1))) == []
    assert play(rule(Equals(True)), (1, hot(True)), (2, hot(False))) == [(1, "opened"), (2, "cleared")]


def test_absence_counts_from_the_start_and_from_every_good_reading() -> None:
    quiet = rule(Absent(600))
    assert play(quiet) == [(600, "opened")]
    assert play(quiet, (500, hot(1)), (1200, hot(1, stale=True)), (2000, hot(2))) == [
        (1100, "opened"),
        (2000, "cleared"),
        (2600, "opened"),
    ]


def test_absence_behind_a_dead_carrier_is_nobodys_silence() -> None:
    seen = play(
        rule(Absent(600)), (1, hot(1)), (300, Reach(Availability.UNKNOWN, True)), (5000, Reach(Availability.UNKNOWN))
    )
    assert seen == [(5600, "opened")]


def test_only_a_reading_ends_silence() -> None:
    blocked, back = Reach(Availability.UNKNOWN, True), Reach(Availability.UNKNOWN)
    assert play(rule(Absent(600)), (700, blocked), (800, back)) == [(600, "opened")]


def test_change_within_a_window() -> None:
    jump = rule(Change(5, within_s=60, way=1))
    assert play(jump, (0, hot(20)), (50, hot(24)), (59, hot(25.5))) == [(59, "opened"), (60, "cleared")]
    assert play(jump, (0, hot(20)), (61, hot(25.5))) == []
    assert play(rule(Change(5, 60, -1)), (0, hot(20)), (10, hot(14))) == [(10, "opened"), (60, "cleared")]
    assert play(jump, (0, hot(20)), (10, hot(14))) == []


def test_stuck_needs_readings_that_do_not_change() -> None:
    stuck = rule(Stuck(100, tolerance=0.5))
    assert play(stuck, (0, hot(20)), (50, hot(20.4))) == [(100, "opened")]
    assert play(stuck, (0, hot(20)), (50, hot(21)), (120, hot(21, stale=True))) == []
    assert play(stuck, (0, hot(20)), (200, hot(22)), (210, hot(22, stale=True))) == [(100, "opened"), (200, "cleared")]


def test_quality() -> None:
    assert play(rule(Poor()), (1, hot(1, Quality.UNCERTAIN)), (2, hot(1, stale=True)), (3, hot(1))) == [
        (2, "opened"),
        (3, "cleared"),
    ]


def test_unreachable_is_silent_while_its_carrier_is_down() -> None:
    gone, hidden = Reach(Availability.OFFLINE), Reach(Availability.UNKNOWN, blocked=True)
    back, online = Reach(Availability.UNKNOWN, returned=True), Reach(Availability.ONLINE)
    offline = rule(Unreachable("offline"), for_s=30)
    assert play(offline, (1, gone)) == [(31, "opened")]
    assert play(offline, (1, gone), (10, hidden)) == []
    assert play(offline, (1, gone), (10, online), (20, gone)) == [(50, "opened")]
    lost = rule(Unreachable("not-back"), for_s=120)
    assert play(lost, (1, hidden), (50, back)) == [(170, "opened")]
    assert play(lost, (1, hidden), (50, back), (100, online)) == []
    assert play(rule(Unreachable("unheard"), 10), (1, hidden), (50, back)) == []


def test_facts() -> None:
    assert play(rule(Happens("link-down"), 10), (1, Fact(True)), (50, Fact(False))) == [(11, "opened"), (50, "cleared")]


def test_a_resumed_episode_waits_for_the_first_word_and_then_counts_all_its_time() -> None:
    over = rule(Above(28), for_s=300)
    state, _ = step(over, State.fresh(0), hot(30), 0)
    memory = State(state.memory.__class__(value=30, began_us=0), Phase.PENDING, 0, resumed=True)
    assert due(over, memory) is None
    waiting, change = step(over, memory, Tick(), 400 * S)
    assert (waiting.phase, change) == (Phase.PENDING, Transition.NONE)
    assert step(over, waiting, hot(29), 401 * S)[1] is Transition.OPENED
    assert step(over, waiting, hot(20), 401 * S)[0].phase is Phase.CLEAR


def test_selectors_are_globs_and_scopes_keep_kinds_apart() -> None:
    narrow = Rule("r", Above(1), on=Selector(area="Lab*", quantity="temperature", point="ext_?"))
    assert narrow.watches(Subject("d1", "ext_1", "Lab 3", "zigbee", "temperature"))
    assert not narrow.watches(Subject("d1", "ext_12", "Lab 3", "zigbee", "temperature"))
    assert not narrow.watches(Subject("d1", "", "Lab 3"))
    assert Rule("d", Unreachable()).watches(Subject("d1"))
    assert not Rule("d", Unreachable()).watches(Subject("d1", "power"))
    assert Rule("h", Happens("link-down")).watches(Subject("", "link:mqtt"))
    assert not Rule("off", Unreachable(), enabled=False).watches(Subject("d1"))


def test_version_changes_with_anything() -> None:
    one = Rule("r", Above(1))
    others = [Rule("r", Above(2)), Rule("r", Below(1)), Rule("r", Above(1), for_s=1), Rule("r", Above(1), owner="x")]
    assert len({one.version, *(other.version for other in others)}) == 5
    assert one.version == Rule("r", Above(1)).version


CONDITIONS = st.sampled_from(
    [Above(5, 3), Below(2), Equals(True), Absent(20), Change(3, 30), Stuck(40, 0.1), Poor(), Unreachable("offline")]
)
OBSERVATIONS: st.SearchStrategy[Observation] = st.one_of(
    st.builds(Heard, st.one_of(st.floats(-10, 10), st.booleans()), st.sampled_from(Quality), st.booleans()),
    st.builds(Reach, st.sampled_from(Availability), st.booleans(), st.booleans()),
    st.builds(Fact, st.booleans()),
    st.just(Tick()),
)
SCRIPTS = st.lists(st.tuples(st.floats(0, 60), OBSERVATIONS), max_size=40)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, st.sampled_from([0.0, 10.0, 45.0]), SCRIPTS)
def test_for_every_history(when: Condition, for_s: float, script: list[tuple[float, Observation]]) -> None:
    watched = rule(when, for_s)
    state, now_us, is_open = State.fresh(0), 0, False
    for gap_s, observation in script:
        now_us += int(gap_s * S)
        before = state
        state, change = step(watched, state, observation, now_us)
        # Opened and cleared alternate, and the phase always tells the same story.
        if change is Transition.OPENED:
            assert not is_open
            assert before.phase is Phase.PENDING or for_s == 0
            is_open = True
        elif change is Transition.CLEARED:
            assert is_open
            is_open = False
        assert (state.phase is Phase.OPEN) == is_open
        # What cannot be relied on never opens a threshold.
        if isinstance(when, Above | Below | Equals) and isinstance(observation, Heard) and change:
            assert observation.quality is Quality.GOOD
            assert not observation.stale
        # A tick when it is due always makes progress: a service that obeys `due` never spins.
        for _ in range(4):
            next_us = due(watched, state)
            if next_us is None or next_us > now_us:
                break
            state, change = step(watched, state, Tick(), now_us)
            if change:
                is_open = change is Transition.OPENED
        else:
            raise AssertionError("due does not move on")


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(-50, 50)), min_size=1, max_size=80))
def test_change_is_the_true_window_within_a_slot(samples: list[tuple[int, float]]) -> None:
    when = Change(10, within_s=64, way=1)
    watched, state, now_s = rule(when), State.fresh(0), 0
    heard: list[tuple[int, float]] = []
    for gap_s, value in samples:
        now_s += gap_s
        heard.append((now_s, value))
        state, _ = step(watched, state, hot(value), now_s * S)
        rise = max((value - old for at, old in heard if at > now_s - 64), default=0.0)
        certain = max((value - old for at, old in heard if at > now_s - 62), default=0.0)
        if state.phase is Phase.OPEN:
            assert rise > 10
        if certain > 10:
            assert state.phase is Phase.OPEN
        assert len(state.memory.lows) <= 34
