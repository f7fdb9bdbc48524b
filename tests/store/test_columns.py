"""Columns, blocks and rollups: what goes in comes out, to the bit and to the type."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import Value
from sluis.store import columns
from sluis.store.records import BAD, Record, pack_block, unpack_block
from sluis.store.rollups import Resolution, Rolled, coarser, merged, pack_rollups, roll, unpack_rollups

INT64 = st.integers(-(2**63), 2**63 - 1)
DECIMAL = st.integers(-(10**9), 10**9).flatmap(lambda n: st.sampled_from([n / 10, n / 100, n / 1000, n * 1.0]))
FLOAT = st.one_of(DECIMAL, st.floats(allow_nan=False))
VALUE = st.one_of(INT64, FLOAT, st.booleans(), st.text(max_size=20))
COLUMN = st.one_of(
    *(st.lists(kind, min_size=1, max_size=60) for kind in (INT64, FLOAT, DECIMAL, st.booleans(), st.text(), VALUE)),
    st.lists(st.one_of(st.integers(-1000, 1000), DECIMAL), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), INT64), min_size=1, max_size=60),
)


def exact(value: Any) -> tuple[type, Any]:
    """Equal only for the same type and, for floats, the same bits (-0.0 is not 0.0)."""
    return type(value), struct.pack("d", value) if isinstance(value, float) else value


@given(COLUMN)
def test_a_column_comes_back_to_the_bit(values: list[Any]) -> None:
    found = columns.unpack(columns.pack(values), len(values))
    assert [exact(value) for value in found] == [exact(value) for value in values]


@given(st.lists(COLUMN, min_size=1, max_size=4))
def test_columns_of_a_block_stay_apart(parts: list[list[Any]]) -> None:
    count = min(map(len, parts))
    parts = [part[:count] for part in parts]
    assert columns.part(columns.join(count, parts)) == (count, parts)


@pytest.mark.parametrize("value", [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])
def test_odd_floats(value: float) -> None:
    found = columns.unpack(columns.pack([21.5, value]), 2)
    assert exact(found[1]) == exact(value)


RECORDS = st.lists(
    st.builds(
        Record,
        st.just(0),
        st.integers(-(2**62), 2**62),
        st.integers(0, 2**50),
        st.integers(1, 5),
        st.integers(0, 15),
        VALUE,
        st.one_of(st.none(), st.integers(0, 2**60)),
    ),
    min_size=1,
    max_size=50,
).map(lambda found: [one._replace(seq=3 * index + 1) for index, one in enumerate(found)])


@given(RECORDS)
def test_a_block_of_readings_comes_back(records: list[Record]) -> None:
    assert unpack_block(pack_block(records)) == records


def test_a_steady_sensor_costs_few_bytes() -> None:
    """360 readings of a sensor with two decimals, every 10 s with some jitter of the network."""
    records = [
        Record(
            200 * i + i * i % 7, 10**15 + 10_000_000 * i + i * 7919 % 4000, 10_000_000 * i + i * 7919 % 4000, 1, 0,
            round(21 + math.sin(i / 30), 2), None,
        )
        for i in range(360)
    ]  # fmt: skip
    assert len(pack_block(records)) / len(records) < 5


SMALL = st.one_of(st.integers(-1000, 1000), DECIMAL, st.booleans(), st.sampled_from(["heat", "cool", "off"]))
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 4 * 3600), SMALL, st.sampled_from([0, 0, 0, 1, 2])), min_size=1, max_size=80
).map(lambda rows: [Record(seq, s * 1_000_000, s, 1, quality, v, None) for seq, (s, v, quality) in enumerate(rows, 1)])


def brute(records: list[Record], start_us: int, span_us: int) -> dict[str, Any] | None:
    """The same by the plainest means."""
    found: list[Value] = [
        one.value for one in records if start_us <= one.at_us < start_us + span_us and one.quality != BAD
    ]
    if not found:
        return None
    numbers = [value for value in found if not isinstance(value, str)]
    return {
        "samples": len(found),
        "least": min(numbers, default=None),
        "most": max(numbers, default=None),
        "total": pytest.approx(sum(numbers), rel=1e-12, abs=1e-9) if numbers else None,
        "last": found[-1],
        "words": {word: found.count(word) for word in found if isinstance(word, str)} or None,
    }


def check(rolled: list[Rolled], records: list[Record], resolution: Resolution) -> None:
    spans = sorted({one.at_us // resolution.span_us * resolution.span_us for one in records if one.quality != BAD})
    assert [one.start_us for one in rolled] == spans
    for one in rolled:
        expected = brute(records, one.start_us, resolution.span_us)
        assert {name: getattr(one, name) for name in expected or {}} == expected


@given(ARRIVALS, st.sampled_from([Resolution.MINUTE, Resolution.HOUR]))
def test_rollups_equal_brute_force(records: list[Record], resolution: Resolution) -> None:
    rolled = roll(records, resolution)
    check(rolled, records, resolution)
    if rolled:
        assert unpack_rollups(pack_rollups(rolled, resolution), resolution) == rolled


@given(ARRIVALS, st.integers(0, 80))
def test_halves_merge_to_the_whole(records: list[Record], cut: int) -> None:
    """A minute that is cut in two by the border of a segment is whole again."""
    halves = roll(records[:cut], Resolution.MINUTE) + roll(records[cut:], Resolution.MINUTE)
    check(merged(halves), records, Resolution.MINUTE)


@given(ARRIVALS)
def test_minutes_add_up_to_hours(records: list[Record]) -> None:
    in_order = [one._replace(seq=seq) for seq, one in enumerate(sorted(records, key=lambda one: one.at_us), 1)]
    check(coarser(roll(in_order, Resolution.MINUTE), Resolution.HOUR), in_order, Resolution.HOUR)
