"""The factory test, judged from what nodes answer: true things, and nonsense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis_provision.enrol.proof import MOST, Bounds, judge

from .conftest import GOOD

BOILER = {"part": "boiler", "kind": "ds18b20", "pin": "GPIO4", "ok": True, "values": {"boiler": 21.5}}
RADIO = {"part": "radio", "kind": "wifi", "pin": "", "ok": True, "values": {"rssi": -61}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def answer(*findings: Any) -> dict[str, Any]:
    return {"ok": True, "findings": list(findings)}


def test_a_good_node_passes() -> None:
    verdict = judge(GOOD, announced=True)
    assert (verdict.passed, verdict.fault, verdict.rssi_dbm) == (True, "", -60)
    assert [line.part for line in verdict.lines] == ["announcement", "temperature", "relay", "radio"]
    assert verdict.lines[1].sentence() == "temperature on GPIO4: good"


def test_a_node_without_parts_or_radio_passes_when_it_has_announced_itself() -> None:
    assert judge(answer(), announced=True).passed
    verdict = judge(answer(), announced=False)
    assert not verdict.passed
    assert "has not said which points it has" in verdict.fault


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        ({**BOILER, "ok": False, "said": "no answer", "check": "R1?"}, "boiler on GPIO4: no answer. R1?"),
        ({**BOILER, "ok": False}, "boiler on GPIO4: it gave no value that could be true. Check the wire to this pin"),
        ({**BOILER, "values": {"boiler": float("nan")}}, "boiler on GPIO4: it gave no value"),
        ({**BOILER, "values": {"boiler": None}}, "it gave no value"),
        ({**BOILER, "values": {"boiler": [1]}}, "it gave no value"),
        ({**BOILER, "values": {str(n): n for n in range(17)}}, "it gave no value"),
        ({**BOILER, "ok": "yes"}, "it gave no value"),
        ({}, "a part without a name"),
        ({**RADIO, "values": {"rssi": -76}}, "-76 dBm, at least -75 dBm is needed. Check the antenna"),
        ({**RADIO, "values": {"rssi": 12}}, "12 dBm, at least -75 dBm is needed"),
        ({**RADIO, "values": {}}, "it does not say how well it is heard"),
        ({**RADIO, "values": {"rssi": "loud"}}, "it does not say how well it is heard"),
    ],
)
def test_what_fails_says_where_and_what_to_check(finding: dict[str, Any], said: str) -> None:
    verdict = judge(answer(finding), announced=True)
    assert not verdict.passed
    assert said in verdict.fault


def test_the_bound_of_the_signal_is_ours_to_set() -> None:
    weak = {**RADIO, "values": {"rssi": -80}}
    assert not judge(answer(weak), announced=True).passed
    assert judge(answer(weak), announced=True, bounds=Bounds(-85)).passed


@pytest.mark.parametrize("told", [None, "all good", {"a": 1}, ["good"], [BOILER] * (MOST + 1)])
def test_an_answer_that_lists_nothing_usable_has_failed(told: Any) -> None:
    verdict = judge({"ok": True, "passed": True, "findings": told}, announced=True)
    assert not verdict.passed


@given(json_values)
def test_no_answer_makes_it_stumble(told: Any) -> None:
    for said in (told, {"findings": told}, {"findings": [told]}, {"findings": [{**BOILER, "values": told}]}):
        verdict = judge(said if isinstance(said, dict) else {"findings": said}, announced=True)
        assert verdict.passed == (verdict.fault == "")
        assert all(char.isprintable() for char in verdict.fault)
        assert len(verdict.kept()) == len(verdict.lines)
