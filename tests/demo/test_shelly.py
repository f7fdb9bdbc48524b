"""The Shelly stand-in against the Gen2+ API documentation."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from sluis.demo.office import Office
from sluis.demo.shelly import ShellyPlus1PM
from sluis.demo.standin import Now

ID = "shellyplus1pm-a8032ab1c2d4"
At = Callable[[float], Now]
ByTopic = Callable[..., dict[str, Any]]


@pytest.fixture
def relay(office: Office, chance: random.Random) -> ShellyPlus1PM:
    office.step(1)
    return ShellyPlus1PM(office, chance, name="lights", label="Lights", mac="A8032AB1C2D4", load="ceiling light")


@pytest.fixture
def ask(relay: ShellyPlus1PM, at: At, by_topic: ByTopic) -> Callable[..., dict[str, Any]]:
    """Send an RPC; everything that comes back, by topic."""

    def _ask(method: str, params: Any = None, when: float = 0.0) -> dict[str, Any]:
        request = {"id": 7, "src": "tests", "method": method} | ({"params": params} if params is not None else {})
        return by_topic(relay.received(f"{ID}/rpc", json.dumps(request).encode(), at(when)))

    return _ask


def test_it_is_online_and_says_nothing_of_itself_unasked(relay: ShellyPlus1PM, at: At) -> None:
    sent = list(relay.connected(at(0)))
    assert [(m.topic, m.payload, m.retain) for m in sent[:1]] == [(f"{ID}/online", b"true", True)]
    assert (relay.will.topic, relay.will.payload, relay.will.retain) == (f"{ID}/online", b"false", True)
    assert {m.topic for m in sent} == {f"{ID}/online", f"{ID}/events/rpc"}
    assert all(m.qos == 1 for m in sent)


def test_device_info(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask("Shelly.GetDeviceInfo")["tests/rpc"]
    assert (answer["id"], answer["src"], answer["dst"]) == (7, ID, "tests")
    info = answer["result"]
    assert (info["id"], info["mac"], info["gen"], info["app"]) == (ID, "A8032AB1C2D4", 2, "Plus1PM")
    assert {"name", "model", "fw_id", "ver", "auth_en", "auth_domain"} <= info.keys()


def test_switch_set_answers_first_and_notifies_after(ask: Callable[..., dict[str, Any]], relay: ShellyPlus1PM) -> None:
    said = ask("Switch.Set", {"id": 0, "on": False})
    assert list(said) == ["tests/rpc", f"{ID}/events/rpc"]
    assert said["tests/rpc"]["result"] == {"was_on": True}
    note = said[f"{ID}/events/rpc"]
    assert (note["src"], note["dst"], note["method"]) == (ID, f"{ID}/events", "NotifyStatus")
    assert note["params"]["switch:0"] == {"id": 0, "output": False, "source": "MQTT"}
    assert not relay.load.on
    assert list(ask("Switch.Set", {"id": 0, "on": False})) == ["tests/rpc"], "no change, no notification"


def test_toggle_after_switches_back_by_itself(
    ask: Callable[..., dict[str, Any]], relay: ShellyPlus1PM, at: At, by_topic: ByTopic
) -> None:
    part = ask("Switch.Set", {"id": 0, "on": False, "toggle_after": 5})[f"{ID}/events/rpc"]["params"]["switch:0"]
    assert part["timer_duration"] == 5
    list(relay.tick(at(4.9)))
    assert not relay.load.on
    said = [json.loads(m.payload) for m in relay.tick(at(5.0))]
    assert relay.load.on
    assert said[0]["params"]["switch:0"] == {"id": 0, "output": True, "source": "timer"}


def test_status_names_every_component(ask: Callable[..., dict[str, Any]]) -> None:
    status = ask("Shelly.GetStatus")["tests/rpc"]["result"]
    assert {"switch:0", "input:0", "sys", "wifi", "mqtt", "cloud", "ble"} == set(status)
    switch = status["switch:0"]
    assert switch["apower"] == pytest.approx(118, abs=1)
    assert switch["aenergy"]["by_minute"] == [0.0, 0.0, 0.0]
    assert switch["temperature"]["tF"] == pytest.approx(switch["temperature"]["tC"] * 1.8 + 32, abs=0.1)
    listed = ask("Shelly.GetComponents", {"include": ["config", "status"], "offset": 4})["tests/rpc"]["result"]
    assert (listed["total"], listed["offset"], [c["key"] for c in listed["components"]]) == (
        7,
        4,
        ["switch:0", "sys", "wifi"],
    )


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("Switch.Fly", None, 404),
        ("Switch.GetStatus", {}, -103),
        ("Switch.GetStatus", {"id": 3}, -105),
        ("Switch.Set", {"id": 0, "on": 1}, -103),
    ],
)
def test_errors_are_answered(ask: Callable[..., dict[str, Any]], method: str, params: Any, code: int) -> None:
    assert ask(method, params)["tests/rpc"]["error"]["code"] == code


def test_the_control_topic(relay: ShellyPlus1PM, at: At, by_topic: ByTopic) -> None:
    list(relay.received(f"{ID}/command/switch:0", b"off", at(0)))
    assert not relay.load.on
    list(relay.received(f"{ID}/command/switch:0", b"on,2.5", at(0)))
    assert relay.load.on
    list(relay.tick(at(2.5)))
    assert not relay.load.on
    said = by_topic(relay.received(f"{ID}/command", b"status_update", at(3)))
    assert said[f"{ID}/status/switch:0"]["output"] is False


def test_status_ntf_publishes_the_whole_component(ask: Callable[..., dict[str, Any]]) -> None:
    ask("Mqtt.SetConfig", {"config": {"status_ntf": True}})
    said = ask("Switch.Toggle", {"id": 0})
    assert said[f"{ID}/status/switch:0"]["voltage"] == pytest.approx(231, abs=1)


def test_what_is_not_a_request_is_ignored(relay: ShellyPlus1PM, at: At) -> None:
    for rubbish in (b"", b"hello", b"[]", b'{"method":"Switch.Set"}', b"\xff\xfe"):
        assert list(relay.received(f"{ID}/rpc", rubbish, at(0))) == []
