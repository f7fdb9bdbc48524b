"""Conflation: the latest value always arrives, and never more often than the gap allows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluis.model import Quality, ReadingChanged, Stamp
from sluis.panel.conflation import Conflation

GAP_S = 0.1
CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.25), st.integers()), max_size=60)


def a_change(point: str, value: int) -> ReadingChanged:
    return ReadingChanged("d", point, value, Quality.GOOD, Stamp(0, 0))


@given(CHANGES)
def test_the_latest_value_arrives_and_the_gap_holds(changes: list[tuple[str, float, int]]) -> None:
    conflation, now_s = Conflation(GAP_S), 100.0
    sent: dict[str, list[tuple[float, object]]] = defaultdict(list)
    latest: dict[str, int] = {}

    def release(until_s: float) -> None:
        while (at_s := conflation.next_at()) is not None and at_s <= until_s:
            for event in conflation.due(at_s):
                sent[event.point].append((at_s, event.value))

    for point, pause_s, value in changes:
        now_s += pause_s
        release(now_s)
        latest[point] = value
        if not conflation.hold(a_change(point, value), now_s):
            sent[point].append((now_s, value))
    release(now_s + GAP_S * 2)
    assert conflation.next_at() is None
    for point, value in latest.items():
        assert sent[point][-1][1] == value
        times = [at_s for at_s, _ in sent[point]]
        assert all(later - earlier >= GAP_S - 1e-9 for earlier, later in pairwise(times))
    assert sum(map(len, sent.values())) + conflation.conflated == len(changes)
