"""`rules.toml`: what it says, what is wrong with it, and changing it without touching a person's comments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import ConfigError, Quality
from sluis.rules import (
    BUILTIN,
    Above,
    Absent,
    Below,
    Change,
    Equals,
    Happens,
    Poor,
    Rule,
    Selector,
    Severity,
    Stuck,
    Unreachable,
)
from sluis.rules.conditions import HAPPENINGS
from sluis.rules.edit import with_rule, without_rule
from sluis.rules.parse import parse_rules

FILE = """\
# Agreed with facilities on 3 March.
[rules.server-room-hot]
title = { en = "Server room too hot", nl = "Serverruimte te warm" }
on = { area = "Server room", quantity = "temperature" }   # both probes
when = { above = 28, clear = 26 }
for_s = 300 # five minutes
severity = "critical"

# Doors
[rules.door-open]
on = { point = "contact" }
when = { equals = true }
"""


def test_a_file() -> None:
    rules = parse_rules(FILE)
    assert rules["server-room-hot"] == Rule(
        "server-room-hot",
        Above(28, 26),
        Selector(area="Server room", quantity="temperature"),
        300,
        Severity.CRITICAL,
        {"en": "Server room too hot", "nl": "Serverruimte te warm"},
    )
    assert rules["door-open"].when == Equals(True)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("rules = 3", "rules", "must be a table"),
        ("[rule.a]\nwhen={above=1}", "rules.toml", "did you mean 'rules'"),
        ("[rules.a]\nwen={above=1}", "rules.a", "did you mean 'when'"),
        ("[rules.a]\nfor_s=1", "rules.a.when", "no condition"),
        ("[rules.a]\nwhen={abov=1}", "rules.a.when", "did you mean 'above'"),
        ("[rules.a]\nwhen={above=1, below=2}", "rules.a.when", "2 conditions"),
        ("[rules.a]\nwhen={above=1, clear=2}", "rules.a.when.clear", "at or under"),
        ("[rules.a]\nwhen={below=1, clear=0}", "rules.a.when.clear", "at or over"),
        ("[rules.a]\nwhen={above=true}", "rules.a.when.above", "not a number"),
        ("[rules.a]\nwhen={above=nan}", "rules.a.when.above", "not a number"),
        ("[rules.a]\nwhen={rises=1}", "rules.a.when.within_s", "missing"),
        ("[rules.a]\nwhen={absent_s=0}", "rules.a.when.absent_s", "too small"),
        ("[rules.a]\nwhen={reach='offlin'}", "rules.a.when.reach", "did you mean 'offline'"),
        ("[rules.a]\nwhen={equals=[1]}", "rules.a.when.equals", "one value"),
        ("[rules.a]\nwhen={above=1}\nseverity='critcal'", "rules.a.severity", "did you mean 'critical'"),
        ("[rules.a]\nwhen={above=1}\non={zone='x'}", "rules.a.on", "unknown key 'zone'"),
        ("[rules.a]\nwhen={above=1}\nenabled='yes'", "rules.a.enabled", "neither true nor false"),
        ("[rules.'A b']\nwhen={above=1}", "rules.A b", "cannot be a rule's name"),
        ("[rules.a", "rules.toml", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, where: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_rules(text)
    assert where in str(caught.value)
    assert says in str(caught.value)


def test_changing_a_rule_keeps_everything_else() -> None:
    changed = Rule("door-open", Equals(True), Selector(point="contact"), for_s=120, title={"nl": "Deur open"})
    text = with_rule(FILE, changed)
    assert parse_rules(text)["door-open"] == changed
    assert text.startswith(FILE[: FILE.index("[rules.door-open]")])


def test_changing_one_number_keeps_the_comments_beside_it() -> None:
    rule = parse_rules(FILE)["server-room-hot"]
    text = with_rule(FILE, Rule(rule.key, Above(30, 26), rule.on, 300, rule.severity, rule.title))
    assert "# both probes" in text
    assert "# five minutes" in text
    assert "# Agreed with facilities" in text
    assert "above = 30, clear = 26" in text


def test_adding_and_deleting() -> None:
    added = Rule("new", Below(5))
    text = with_rule(FILE, added)
    assert set(parse_rules(text)) == {"server-room-hot", "door-open", "new"}
    assert parse_rules(with_rule("", added)) == {"new": added}
    assert set(parse_rules(without_rule(text, "door-open"))) == {"server-room-hot", "new"}
    assert without_rule(text, "nobody") == text
    with pytest.raises(ConfigError):
        with_rule("[[[", added)


def test_every_happening_has_a_built_in_rule_and_built_ins_have_titles_elsewhere() -> None:
    assert {rule.when.what for rule in BUILTIN if isinstance(rule.when, Happens)} == set(HAPPENINGS)
    assert len({rule.key for rule in BUILTIN}) == len(BUILTIN)


FINITE = st.floats(-1e6, 1e6)
LONG = st.floats(1, 1e6)
TEXT = st.text(max_size=30)
CONDITIONS = st.one_of(
    st.builds(Above, FINITE),
    FINITE.map(lambda limit: Above(limit, limit - 1)),
    FINITE.map(lambda limit: Below(limit, limit + 1)),
    st.builds(Equals, st.one_of(st.booleans(), st.integers(-5, 5), TEXT)),
    st.builds(Absent, LONG),
    st.builds(Change, st.floats(0, 100), LONG, st.sampled_from([-1, 0, 1])),
    st.builds(Stuck, LONG, st.floats(0, 10)),
    st.builds(Poor, st.sampled_from([Quality.UNCERTAIN, Quality.BAD])),
    st.builds(Unreachable, st.sampled_from(["offline", "unheard", "not-back"])),
    st.builds(Happens, st.sampled_from(sorted(HAPPENINGS))),
)
RULES = st.builds(
    Rule,
    key=st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True),
    when=CONDITIONS,
    on=st.builds(Selector, TEXT, TEXT, TEXT, TEXT, TEXT),
    for_s=st.floats(0, 1e6),
    severity=st.sampled_from(Severity),
    title=st.dictionaries(st.sampled_from(["en", "nl"]), TEXT.filter(bool)),
    owner=TEXT,
    card=TEXT,
    enabled=st.booleans(),
)


@given(st.lists(RULES, max_size=3, unique_by=lambda rule: rule.key))
def test_what_is_written_reads_back_the_same(rules: list[Rule]) -> None:
    text = FILE
    for rule in rules:
        text = with_rule(text, rule)
    read = parse_rules(text)
    for rule in rules:
        assert read[rule.key] == rule
