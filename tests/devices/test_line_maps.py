"""The language of line maps: what it reads, what it refuses, and that a stranger's map cannot hold up the house."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.model import ConfigError, Frame, FrameError, Kind
from sluis.sdk.testing import START
from sluis_drivers.line.device import LineDevice
from sluis_drivers.line.mapping import MAP_KEYS, MAX_TEXT, POINT_KEYS, shipped
from sluis_drivers.line.template import template

MINIMAL = """
name = "Amp"
source = "its manual"
{top}
[points.volume]
ask = "V?"
answer = "V{value:int}"
set = "V{value:int2}"
{point}
"""


def read(pattern: str, line: str, **words: list[str]) -> dict[str, str] | None:
    return template(pattern, {"unit": "01"}, words).read(line)


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("In{value:int} All", "In12 All", {"value": "12"}),
        ("In{value:int} All", "In12 Aud", None),
        ("In{value:int} All", "In All", None),
        ("In{value:int} All", "In1 All ", None),
        ("a {unit} OK{value:hex2}", "a 01 OKfF", {"value": "fF"}),
        ("a {unit} OK{value:hex2}", "a 02 OK00", None),
        ("a {unit} OK{value:hex2}", "a 01 OK000", None),
        ("MV{value:int2}", "MV505", None),
        ("MV{value:int3}", "MV505", {"value": "505"}),
        ("T{value:number}", "T-12.5", {"value": "-12.5"}),
        ("{name:word}={value:text}", "a.b-c=x y", {"name": "a.b-c", "value": "x y"}),
        ("{_} {value:int}", "some 5", {"value": "5"}),
        ("{value:text} dB", "-40 dB", {"value": "-40"}),
        ("{{{value:int}}}", "{7}", {"value": "7"}),
        ("", "", {}),
    ],
)
def test_templates_read_lines(pattern: str, line: str, found: dict[str, str] | None) -> None:
    assert read(pattern, line) == found


def test_of_words_the_longest_is_taken() -> None:
    assert read("SI{value}", "SIUSB/IPOD", value=["USB", "USB/IPOD"]) == {"value": "USB/IPOD"}
    assert read("SI{value}", "SIUSB/", value=["USB", "USB/IPOD"]) is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a{", "belongs to nothing"),
        ("a{Value}", "belongs to nothing"),
        ("{value:float}", "is no type"),
        ("{value:number3}", "a number has none"),
        ("{value:int0}", "a width is 1 to 80"),
        ("{value}", "needs a type"),
        ("{value:text}{_:int}", "where would it end"),
        ("x" * 513, "longer than 512"),
    ],
)
def test_templates_say_what_is_wrong_with_them(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(pattern, "")


@settings(max_examples=200, deadline=None)
@given(
    pattern=st.lists(
        st.sampled_from(["a", "{_}", "{value:int}", "{value:text}", "{x:word}", "{value}", " "]), max_size=40
    ),
    line=st.text("a1 -.", max_size=200),
)
def test_what_a_template_makes_of_a_line_is_the_line(pattern: list[str], line: str) -> None:
    """Whatever is read stands in the line, in order."""
    try:
        made = template("".join(pattern), {}, {"value": ["a", "aa"]})
    except ValueError:
        return
    found = made.read(line)
    if found is not None:
        assert all(text in line for text in found.values())


def test_the_worst_template_reads_the_longest_line_in_no_time() -> None:
    """A hundred captures that swallow anything, and a line made so that nothing fits: a regular expression would still
    be at it when the sun goes out."""
    pattern = "{_:text}a" * 56
    line = "a" * 1023 + "b"
    made = template(pattern, {}, {})
    began = time.process_time()
    for _ in range(100):
        assert made.read(line) is None
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("top", "point", "problem"),
    [
        ("volum = 3", "", "volum: there is no such key"),
        ("every_s = 0.1", "", "every_s: is 0.1"),
        ('end = ""', "", "end: is empty"),
        ('check = "crc"', "", "check: 'crc' cannot be chosen"),
        ('[errors]\nE1 = ""', "", "errors: 'E1' has no sentence"),
        ("", 'hears = "V{other:int}"', "points.volume.hears: {other} is no point"),
        ("", 'hears = [{ lin = "x" }]', "points.volume.hears: is a line, or a list"),
        ("", "scale = 0", "points.volume.scale: is 0"),
        ("", 'quantity = "power"\nunit = "%"', "power is not measured in '%'"),
        ("", 'kind = "switch"', "a switch has the values on and off"),
        ("", 'values = { on = "1", off = "1" }', "two values stand for the same text"),
        ("", 'values = { on = 1 }', "'on' stands for a text"),
        ("", '[points.value]\nset = "x"', "points.value: has a meaning of its own"),
        ("", '[points.Up]\nset = "x"', "points.Up: a key is lower-case"),
        ("", '[points.up]\nset = "{value:int} {other:int}"', "points.up.set: can have {value} only"),
        ("", '[points.up]\nanswer = "x"', "points.up.answer: needs `ask`"),
        ("", '[points.up]\nask = "{value:int}"', "points.up.ask: '{value:int}' has a capture"),
        ("", '[points.up]\nset = "→"', "points.up.set: '→'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_map_is_named(top: str, point: str, problem: str) -> None:
    text = MINIMAL.replace("{top}", top).replace("{point}", point)
    with pytest.raises(ConfigError) as found:
        LineDevice("h:1", {"setup": {"map": "custom", "custom": text}})
    assert problem in str(found.value)


def test_other_answers_that_cannot_be() -> None:
    for setup, problem in (
        ({"map": "nec"}, "there is no map"),
        ({"map": "custom", "custom": " "}, "is missing"),
        ({"map": "custom", "custom": "= 1"}, "is no TOML"),
        ({"map": "custom", "custom": "#" * (MAX_TEXT + 1)}, "is longer than"),
        ({"map": "lg-rs232", "unit": "0\r"}, "cannot stand in a line"),
    ):
        with pytest.raises(ConfigError, match=problem):
            LineDevice("h:1", {"setup": setup})


@pytest.mark.parametrize("name", shipped())
def test_the_maps_that_ship_name_their_source_and_make_points(name: str) -> None:
    driver = LineDevice("h:1", {"setup": {"map": name}})
    points = {point.key: point for point in driver.points()}
    assert {"audio_mute", "input", "volume"} <= points.keys()
    assert points["volume"].kind is Kind.NUMBER
    assert len(driver._map.source) > 30


@settings(max_examples=100, deadline=None)
@given(line=st.binary(max_size=80), name=st.sampled_from(sorted(shipped())), nth=st.integers(0, 9))
def test_any_line_is_read_or_refused(line: bytes, name: str, nth: int) -> None:
    driver = LineDevice("h:1", {"setup": {"map": name}})
    asked = ([*driver._questions, b""] * 10)[nth]
    try:
        list(driver.decode(Frame("net", "h:1", line, START, asked=asked)))
    except FrameError:
        pass


def test_the_map_on_the_page_works() -> None:
    page = (Path(__file__).parents[2] / "docs" / "drivers" / "line-device.md").read_text()
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    driver = LineDevice("h:1", {"setup": {"map": "custom", "custom": text}})
    assert [(point.key, point.kind) for point in driver.points()] == [
        ("power", Kind.SWITCH), ("volume", Kind.NUMBER), ("next_station", Kind.TRIGGER),
    ]  # fmt: skip
    (reading,) = driver.decode(Frame("net", "h:1", b"VOL 25", START))
    assert reading.value == 12.5  # type: ignore[union-attr]


def test_every_key_of_a_map_stands_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "drivers" / "line-device.md").read_text()
    assert [key for key in (*MAP_KEYS, *POINT_KEYS) if f"`{key}`" not in page] == []
    assert [name for name in shipped() if f"`{name}`" not in page] == []
