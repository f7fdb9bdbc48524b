"""Anything at all, at every driver. `make fuzz` (SLUIS_FUZZ=1) tries a thousand times as much."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sluis_drivers
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of
from sluis.sdk.testing import START, load, survives, survives_sniffing
from sluis.sdk.testing.conformance import Subject

FRAMES = Path(__file__).parents[1] / "devices" / "frames"
DRIVERS = {cls.about.key: cls for cls in drivers_of(sluis_drivers)}
FUZZING = bool(os.environ.get("SLUIS_FUZZ"))
EXAMPLES = int(os.environ.get("SLUIS_FUZZ_EXAMPLES", "50000")) if FUZZING else 50
CALM = list(HealthCheck)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def spoiled(said: Any, draw: Any) -> Any:
    """A real message with something else somewhere in it."""
    if isinstance(said, dict) and said and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(said)))
        return said | {key: spoiled(said[key], draw)}
    if isinstance(said, list) and said and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(said) - 1))
        return [*said[:place], spoiled(said[place], draw), *said[place + 1 :]]
    return draw(anything)


@pytest.mark.parametrize("key", sorted(DRIVERS))
def test_fuzz_driver(key: str) -> None:
    cls: type[Driver] = DRIVERS[key]
    subject = Subject(cls, load(FRAMES / f"{key}.jsonl"))
    announcements = [case.frame for case in subject.cases if case.kind == "announcement"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not FUZZING,
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        case, driver = data.draw(st.sampled_from(subject.decodable))
        assert survives(driver, replace(case.frame, data=data.draw(hostile(case.frame.data)))) == ""
        if announcements:
            frame = data.draw(st.sampled_from(announcements))
            assert survives_sniffing(cls, replace(frame, data=data.draw(hostile(frame.data)))) == ""

    attack()
    assert START.trusted


def hostile(sample: bytes) -> st.SearchStrategy[bytes]:
    try:
        said = json.loads(sample)
    except ValueError:
        return st.binary(max_size=60)
    made = st.composite(lambda draw: json.dumps(spoiled(said, draw)).encode())()
    return st.binary(max_size=60) | made
