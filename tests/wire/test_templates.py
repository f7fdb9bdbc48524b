"""Templates: as Home Assistant renders them, the quick way equal to the slow way, and hostile ones stopped."""

from __future__ import annotations

import json
import statistics
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.wire.templates import Template, TemplateFailed, compile_template
from sluis.wire.templates.sandbox import compiled
from sluis.wire.templates.template import MISSING, parse_json

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def render(source: str, payload: str, **variables: Any) -> str:
    return Template(source).render(payload, parse_json(payload), variables, AT)


@pytest.mark.parametrize(
    ("source", "payload", "wanted"),
    [
        ("{{ value }}", " on ", "on"),
        ("{{ value_json.t }}", '{"t": 21.5}', "21.5"),
        ("{{ value_json['a']['b'][1] }}", '{"a": {"b": [1, 2]}}', "2"),
        ("{{ value_json.gone }}", "{}", ""),
        ("{{ value_json.gone | default('x') }}", "{}", "x"),
        ("{{ value_json.t | float }}", '{"t": "21.5"}', "21.5"),
        ("{{ value_json.t | float(0) }}", '{"t": "no"}', "0"),
        ("{{ value_json.t | int }}", '{"t": "21.9"}', "21"),
        ("{{ value_json.t | int(base=16) }}", '{"t": "ff"}', "255"),
        ("{{ value | int(default=7) }}", "x", "7"),
        ("{{ value | round(1) }}", "21.55", "21.6"),
        ("{{ value | round }}", "21.5", "22"),
        ("{{ value | round(1, 'floor') }}", "21.59", "21.5"),
        ("{{ value | round(0, 'half') }}", "21.3", "21"),
        ("{{ value | round(1, default='-') }}", "x", "-"),
        ("{{ (value | float * 1.8 + 32) | round(1) }}", "21.5", "70.7"),
        ("{{ value | multiply(2) }}", "1.5", "3.0"),
        ("{{ value | log(10) | round(3) }}", "1000", "3.0"),
        ("{{ value | float | sqrt }}", "9", "3.0"),
        ("{{ value_json.x | bitwise_and(4) }}", '{"x": 6}', "4"),
        ("{{ (value == 'a') | iif('yes', 'no') }}", "a", "yes"),
        ("{{ iif(value_json.x, 1, 2, 3) }}", '{"x": null}', "3"),
        ("{{ value | regex_replace('[a-z]+', '') }}", "ab12", "12"),
        ("{{ value | regex_findall_index('[0-9]+', 1) }}", "1 22", "22"),
        ("{{ value is match('a') and value is search('b') }}", "ab", "True"),
        ("{{ value | as_timestamp | int }}", "2026-11-24T03:00:00+00:00", "1795489200"),
        ("{{ value | int | timestamp_custom('%Y-%m-%d %H:%M') }}", "1795489200", "2026-11-24 03:00"),
        ("{{ value | int | timestamp_utc }}", "1795489200", "2026-11-24T03:00:00+00:00"),
        ("{{ now().year }} {{ utcnow().hour }}", "", "2026 3"),
        ("{{ as_timedelta('PT1H30M').total_seconds() }}", "", "5400.0"),
        ("{{ strptime(value, '%d.%m.%Y').month }}", "24.11.2026", "11"),
        ("{{ value_json | to_json }}", '{"a": [1, "é"]}', '{"a":[1,"é"]}'),
        ("{{ (value | from_json).a }}", '{"a": 1}', "1"),
        ("{{ value | from_json(default='none') }}", "{", "none"),
        ("{{ '%.1f' | format(value | float) }}", "2.345", "2.3"),
        ("{{ '{:.1f}'.format(value | float) }}", "2.345", "2.3"),
        ("{{ '%.1f' % (value | float) }}", "2.345", "2.3"),
        ("{{ value.split(',')[1] }}", "a,b", "b"),
        ("{% if value_json.on %}ON{% else %}OFF{% endif %}", '{"on": true}', "ON"),
        ("{% if 'a' in value_json and value_json['a'] %} x {% else %} y {% endif %}", '{"a": 0}', "y"),
        ("{% set m = {'1': 'auto'} %}{{ m[value] if value in m else 'None' }}", "1", "auto"),
        ("{% for x in value_json %}{{ x }};{% endfor %}", "[1, 2]", "1;2;"),
        ("{{ [1, 2, 3] | sum }} {{ max(1, 2) }} {{ [3, 4] | average }}", "", "6 2 3.5"),
        ("{{ value_json | map(attribute='n') | join('-') }}", '[{"n": 1}, {"n": 2}]', "1-2"),
        ("{{ value | lower }} {{ value | is_number }}", "X", "x False"),
        ("{{ pack(255, '>H') | typeof }}", "", "bytes"),
        ("{{ 150 | clamp(0, 100) }} {{ 5 | remap(0, 10, 0, 100) }}", "", "100.0 50.0"),
        ("{{ value_json.s | default('', True) | string | truncate(5, True, '', 0) }}", '{"s": "abcdefg"}', "abcde"),
        ("{{ 'yes' | bool }}", "", "True"),
        ("{{ position + 1 }}", "", "43"),
    ],
)
def test_as_home_assistant_renders(source: str, payload: str, wanted: str) -> None:
    assert render(source, payload, position=42) == wanted


@pytest.mark.parametrize(
    ("source", "payload", "says"),
    [
        ("{{ value_json.a.b }}", "{}", "no attribute"),
        ("{{ value_json.a }}", "no json", "value_json"),
        ("{{ value_json.a | is_defined }}", "{}", "no attribute"),
        ("{{ value | float }}", "x", "no default"),
        ("{{ states('sensor.x') }}", "1", "'states' is undefined"),
        ("{{ value | no_such_filter }}", "1", "no_such_filter"),
        ("{{ value", "1", "cannot be used"),
        ("{{ 1 / 0 }}", "1", "ZeroDivisionError"),
        ("{{ this.state }}", "1", "'this' is undefined"),
    ],
)
def test_what_fails_says_why(source: str, payload: str, says: str) -> None:
    with pytest.raises(TemplateFailed, match=says):
        render(source, payload)


# -- the quick way equals the slow way ---------------------------------------------------------------------

KEYS = ("a", "b", "temperature")
leaves = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text("abON 1.5-", max_size=6),
    st.booleans(),
    st.none(),
)
payloads = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner)),
    max_leaves=6,
)
paths = st.lists(
    st.one_of(st.sampled_from(KEYS).map(lambda key: f".{key}"), st.sampled_from(("['a']", "['b']", "[0]", "[1]"))),
    max_size=2,
).map(lambda parts: "value_json" + "".join(parts))
converted = ("float", "float(0)", "int", "int(1)", "round", "round(1)", "round(2, 'floor')", "is_number")
replaced = ("default(3)", "default('x')", "d(0)", "lower", "upper", "trim")
filters = st.lists(st.sampled_from((*converted, *replaced)), max_size=3)
expressions = st.builds(lambda path, names: " | ".join([path, *names]), st.one_of(paths, st.just("value")), filters)
shaped = st.one_of(
    expressions.map(lambda one: f"{{{{ {one} }}}}"),
    st.builds(
        lambda one, sign, by: f"{{{{ ({one}) {sign} {by} }}}}",
        expressions,
        st.sampled_from("+-*/"),
        st.sampled_from((2, 10, 0.1)),
    ),
    st.builds(
        lambda one, sign, other: f"{{{{ 'ON' if {one} {sign} {other} else 'OFF' }}}}",
        expressions,
        st.sampled_from(("==", "!=", "<", ">=")),
        st.sampled_from((0, 1.5, "'ON'")),
    ),
    paths.map(lambda one: f"{{% if {one} is defined and {one} %}}[{{{{ {one} }}}}]{{% else %}}-{{% endif %}}"),
    st.builds(lambda key, one: f"{{{{ 'x' if '{key}' in {one} else 'y' }}}}", st.sampled_from(KEYS), paths),
)


def outcome(template: Template, payload: str) -> str | None:
    try:
        return template.render(payload, parse_json(payload))
    except TemplateFailed:
        return None


@settings(max_examples=400, deadline=None)
@given(shaped, payloads)
def test_the_quick_way_gives_what_jinja_gives(source: str, said: Any) -> None:
    payload = json.dumps(said)
    quick = Template(source)
    slow = Template(source)
    slow._quick, slow._compiled = None, compiled(source)
    assert outcome(quick, payload) == outcome(slow, payload)


def test_the_common_forms_are_quick() -> None:
    for source in (
        "{{ value_json.temperature }}",
        "{{ value_json['ENERGY']['Power'] | float | round(1) }}",
        "{{ 'ON' if value_json.on == 1 else 'OFF' }}",
        "{{ value_json.x | default('') }}",
        "{{ (value_json.v / 1000) | round(2) }}",
    ):
        assert Template(source).is_fast, source


# -- hostile templates -------------------------------------------------------------------------------------

DOUBLING = "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}"
HOSTILE = [
    "{{ 'a' * 10**9 }}",
    "{{ [0] * 10**9 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 2 ** 4000 * 2 ** 4000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' % 1.5 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 1000000000) }}",
    "{{ 'x'.ljust(10 ** 9) }}",
    "{{ '1'.zfill(10 ** 9) }}",
    "{% for i in range(10 ** 9) %}{% endfor %}",
    "{% for a in range(4000) %}" * 3 + "x" + "{% endfor %}" * 3,
    "{% for a in range(2000) %}" + "y" * 5000 + "{% endfor %}",
    DOUBLING,
    DOUBLING.replace("~", "+"),
    "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 60 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = a + a %}" * 60 + "{{ a | length }}",
    "{% set n = namespace(a='xxxxxxxx') %}{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{% endfor %}{{ n.a }}",
    "{{ value | regex_search('(a+)+$') }}",
    "{{ value | regex_match('(a|a)*b') }}",
    "{{ ('a' ~ value[:99]) | regex_match('a*a*a*a*a*b') }}",
    "{{ value | regex_replace('', value) }}",
    "{{ 1 | round(10 ** 8) }}",
    "{{ pack(1, '1000000000s') }}",
    "{{ value | replace('', value) }}",
    "{{ value.replace('', value) }}",
    "{{ value.join(value) }}",
    "{{ range(4000) | join(value) }}",
    "{{ range(4000) | map('string') | join(value) }}",
    "{{ (1).to_bytes(10 ** 9, 'big') }}",
    "{{ ['x'] | sum(start=[]) }}",
    "{{ strptime('1111111111111111111', '%d' * 30) }}",
    "{{ strptime('1111111111111111111', '%d%d%d%d%d%d%d%d%d%d%d%d%d') }}",
    "{{ now().strftime('%0999999d') }}",
    "{{ '{0}{0}{0}{0}{0}{0}'.format(value) }}",
    "{{ '%(a)s%(a)s%(a)s%(a)s' % {'a': value} }}",
    "{{ value | upper | lower | upper | lower | upper | lower | upper | lower }}",
    "{{ value | list | sort | unique | list }}",
    "{% for i in range(900) %}{{ value | upper | length }}{% endfor %}",
    "{% for i in range(3000) %}{% if value %}{% endif %}{% endfor %}",
    "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
    "{{ " + "-" * 3000 + "1 }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% include 'x' %}",
    "{% extends value %}",
    "{{ lipsum(n=1000000) }}",
    "{{ [1] | map('each', 0) | map('~', value) | list | length }}",
    "x" * 9000,
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_templates_are_stopped(source: str) -> None:
    payload = "a" * 30_000
    tracemalloc.start()
    try:
        with pytest.raises(TemplateFailed):
            template = Template(source)
            tracemalloc.reset_peak()
            text = template.render(payload, list(range(3000)))
            assert text != ""
            raise TemplateFailed("harmless")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_no_render_takes_long(source: str) -> None:
    """In processor time, and the median of five, because the machine has other things to do as well."""
    try:
        template = Template(source)
    except TemplateFailed:
        return
    took: list[float] = []
    for _ in range(5):
        begun = time.process_time()
        outcome(template, "a" * 30_000)
        took.append(time.process_time() - begun)
    assert statistics.median(took) < 0.05


@settings(max_examples=150, deadline=None)
@given(st.text("{}%()[]|.,'\"+-*/~ abvaluejson_ifendforset0129", max_size=60), st.text(max_size=40))
def test_any_text_is_a_template_or_a_template_failure(source: str, payload: str) -> None:
    try:
        render(source, payload)
    except TemplateFailed:
        pass


def test_templates_are_compiled_once() -> None:
    assert compile_template("{{ value_json.z }}") is compile_template("{{ value_json.z }}")


def test_command_templates_take_variables_and_no_payload() -> None:
    assert Template("{{ value }},{{ hue }}").render(5, MISSING, {"hue": 20}) == "5,20"


def test_what_zigbee2mqtt_writes_for_events() -> None:
    source = """{% set patterns = [
{"pattern": '^(?P<action>dial_rotate)_(?P<direction>left|right)_(?P<speed>step|slow|fast)$',
 "groups": ["action", "direction", "speed"]},
{"pattern": '^(?P<button>(?:button_)?[a-z0-9]+)_(?P<action>(?:press|hold)(?:_release)?)$',
 "groups": ["button", "action"]}
] %}{% set said = value_json.action|default('') %}{% set ns = namespace(r=[('action', said)]) %}
{% for p in patterns %}{% set m = said|regex_findall(p.pattern) %}{% if m[0] is undefined %}{% continue %}{% endif %}
{% for key, value in zip(p.groups, m[0]) %}
{% set ns.r = ns.r|rejectattr(0, 'eq', key)|list + [(key, value)] %}{% endfor %}
{% endfor %}{{ dict.from_keys(ns.r|reject('eq', ('x', None)))|to_json }}"""
    assert json.loads(render(source, '{"action": "dial_rotate_left_slow"}')) == {
        "action": "dial_rotate",
        "direction": "left",
        "speed": "slow",
    }
