"""Discovery messages: abbreviations, base topics, both forms, and whatever else a broker may carry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluis.model import Device, FrameError, Kind, NotMine, Point
from sluis.sdk import Frame, Stamp
from sluis.wire.ha_discovery import Found, payload, read_announcement
from sluis.wire.ha_discovery.abbreviations import DEVICE, OPTIONS, ORIGIN
from sluis_drivers.homeassistant.mqtt import COMPONENTS, HomeAssistantMqtt

START = Stamp(1_700_000_000_000_000, 0)


def read(topic: str, config: Any) -> Found:
    return read_announcement(topic, json.dumps(config).encode())


def only(found: Found) -> dict[str, Any]:
    assert found.entities is not None
    (config,) = found.entities.values()
    return config


def test_abbreviations_are_spelled_out_at_every_level() -> None:
    found = read(
        "homeassistant/sensor/node/obj/config",
        {"stat_t": "a/b", "val_tpl": "x", "avty": [{"t": "c", "val_tpl": "y"}], "dev": {"ids": "i", "mf": "m"}},
    )
    assert only(found) == {
        "state_topic": "a/b",
        "value_template": "x",
        "availability": [{"topic": "c", "value_template": "y"}],
        "component": "sensor",
        "object_id": "obj",
    }
    assert found.device == {"identifiers": "i", "manufacturer": "m"}
    assert found.native_id == "i"


def test_the_base_topic_stands_before_or_behind() -> None:
    config = only(read("homeassistant/switch/x/config", {"~": "base", "stat_t": "~/s", "cmd_t": "c/~", "name": "~n"}))
    assert (config["state_topic"], config["command_topic"], config["name"]) == ("base/s", "c/base", "~n")


def test_device_form_shares_options_and_drops_what_is_withdrawn() -> None:
    found = read(
        "homeassistant/device/x/config",
        {
            "dev": {"ids": ["x"]},
            "o": {"name": "maker"},
            "stat_t": "s",
            "cmps": {"a": {"p": "sensor"}, "b": {"p": "sensor", "uniq_id": "b"}, "c": {"p": "sensor", "stat_t": "own"}},
        },
    )
    assert found.entities is not None
    assert {key: config["state_topic"] for key, config in found.entities.items()} == {"b": "s", "c": "own"}
    assert found.origin == "maker"


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ({"identifiers": ["one", "two"]}, "one"),
        ({"connections": [["mac", "aa:bb"]]}, "aa:bb"),
        ({}, "unique"),
    ],
)
def test_what_identifies_a_device(device: dict[str, Any], wanted: str) -> None:
    assert read("homeassistant/sensor/x/config", {"unique_id": "unique", "device": device}).native_id == wanted


@pytest.mark.parametrize("topic", ["homeassistant/status", "homeassistant/sensor/a b/config", "a/b/c/d/e/config", ""])
def test_other_topics_are_not_ours(topic: str) -> None:
    with pytest.raises(NotMine):
        read_announcement(topic, b"{}")


def test_tables_hold_no_key_twice() -> None:
    assert len(OPTIONS) > 200
    assert len(set(OPTIONS.values())) == len(OPTIONS)
    assert DEVICE["ids"] == "identifiers"
    assert ORIGIN["url"] == "support_url"


def test_what_we_publish_can_be_read_and_is_known_as_our_own() -> None:
    device = Device("plug", "tasmota", "plug", "mqtt", name="Plug")
    points = [Point("power", "W", key="power"), Point(kind=Kind.SWITCH, writable=True, key="relay")]
    layout = payload.Layout("homeassistant", "sluis", "sluis/ha", "1")
    for form in (False, True):
        for topic, config in payload.messages(device, points, "", layout, device_form=form).items():
            found = read(topic, config)
            assert found.origin == "Sluis"
            assert found.native_id == "sluis_plug"
            frame = Frame("l", topic, json.dumps(config).encode(), START)
            assert list(HomeAssistantMqtt.sniff(frame)) == []


# -- anything at all ---------------------------------------------------------------------------------------

words = st.sampled_from((*OPTIONS.values(), *OPTIONS, "schema", "brightness", "effect", "color_temp"))
topics = st.sampled_from(("a/b", "a/c", "#", "$SYS/x", "", "~/s", "+/x"))
texts = st.sampled_from(
    ("{{ value_json.x }}", "{{ value", "{{ 'a' * 9999999 }}", "json", "template", "ON", "None", "x")
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), topics, texts, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Options that mostly make sense, with some that do not."""
    config: dict[str, Any] = {"unique_id": "u", "schema": draw(st.sampled_from(("basic", "json", "template")))}
    for key in draw(st.lists(words, max_size=12)):
        long = OPTIONS.get(key, key)
        sensible = topics if long.endswith("topic") else texts if long.endswith("template") else values
        config[key] = draw(st.one_of(sensible, values) if draw(st.integers(0, 4)) == 0 else sensible)
    return config


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(COMPONENTS)), configs(), st.one_of(st.binary(max_size=30), st.just(b'{"x": 1}')))
def test_no_configuration_breaks_the_driver(component: str, config: dict[str, Any], data: bytes) -> None:
    frame = Frame("l", f"homeassistant/{component}/x/config", json.dumps(config).encode(), START)
    try:
        said = list(HomeAssistantMqtt.sniff(frame))
    except FrameError:
        return
    for item in said:
        driver = HomeAssistantMqtt(item.native_id, {item.fragment: item.content})
        keys = {point.key for point in driver.points()}
        assert len(keys) == len(list(driver.points()))
        for topic in driver.topics():
            assert topic
            assert not {"#", "+"} & set(topic)
            try:
                decoded = list(driver.decode(Frame("l", topic, data, START)))
            except FrameError:
                continue
            assert all(getattr(one, "point", next(iter(keys), "")) in keys for one in decoded)
