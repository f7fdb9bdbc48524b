"""The first complete path: real stand-ins on a real broker, decoded, stored, live, watched, commanded, explained."""

from __future__ import annotations

import json
import time
from typing import Any

import psutil
import pytest

from .conftest import Demo, start_demo, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def devices(demo: Demo) -> dict[str, dict[str, Any]]:
    with demo.client() as client:
        return {one["key"]: one for one in client.get("devices", params={"limit": 200}).json()["items"]}


def of_driver(demo: Demo, driver: str) -> list[dict[str, Any]]:
    return [one for one in devices(demo).values() if one["driver"] == driver]


def value(demo: Demo, device: str, key: str) -> Any:
    """What a point last said."""
    with demo.client() as client:
        wait_for(lambda: client.get(f"points/{device}/{key}").json()["reported"], f"a value of {device}/{key}")
        return client.get(f"points/{device}/{key}").json()["reported"]["value"]


def command(demo: Demo, device: str, key: str, value: object) -> dict[str, Any]:
    """Submit and wait for the outcome."""
    with demo.client() as client:
        answer = client.put(f"points/{device}/{key}", json=value)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


@pytest.mark.parametrize("driver", ["tasmota", "shelly-gen2", "zigbee2mqtt", "homeassistant-mqtt"])
def test_every_family_is_in_use_and_online(demo: Demo, driver: str) -> None:
    wait_for(
        lambda: of_driver(demo, driver) and all(one["availability"] == "online" for one in of_driver(demo, driver)),
        f"{driver} online",
    )


def test_some_devices_are_left_to_adopt(demo: Demo) -> None:
    with demo.client() as client:
        assert client.get("discovered").json()["items"]


def switches(demo: Demo, driver: str) -> list[tuple[str, str]]:
    with demo.client() as client:
        return [
            (device["key"], one["key"])
            for device in of_driver(demo, driver)
            for one in client.get(f"devices/{device['key']}/points").json()
            if one["writable"] and one["kind"] == "switch" and not one["category"]
        ]


@pytest.mark.parametrize("driver", ["tasmota", "shelly-gen2", "zigbee2mqtt", "homeassistant-mqtt"])
def test_a_command_goes_down_and_is_confirmed_by_the_device(demo: Demo, driver: str) -> None:
    device, key = switches(demo, driver)[0]
    before = value(demo, device, key)
    for wish in (not before, before):
        receipt = command(demo, device, key, wish)
        assert receipt["stage"] in ("done", "effective"), receipt
        assert value(demo, device, key) is wish


def test_what_was_done_can_be_explained(demo: Demo) -> None:
    device, key = switches(demo, "shelly-gen2")[0]
    command(demo, device, key, not value(demo, device, key))
    with demo.client() as client:
        steps = client.get(f"points/{device}/{key}/why").json()
    assert any(step["kind"] == "command" for step in steps), steps


def test_the_live_stream_brings_a_snapshot_and_then_changes(demo: Demo) -> None:
    with demo.client() as client, client.stream("GET", "stream") as stream:
        kinds: list[str] = []
        for line in stream.iter_lines():
            if line.startswith("event:"):
                kinds.append(line.split(":", 1)[1].strip())
            if "changes" in kinds:
                break
    assert kinds[0] == "snapshot"


def test_history_grows(demo: Demo) -> None:
    device = of_driver(demo, "homeassistant-mqtt")[0]["key"]
    with demo.client() as client:
        key = next(one["key"] for one in client.get(f"devices/{device}/points").json() if one["kind"] == "number")
        wait_for(lambda: client.get(f"points/{device}/{key}/readings").json()["items"], "a stored reading")


def test_a_killed_broker_comes_back_with_everybody(demo: Demo) -> None:
    (broker,) = [child for child in demo.children() if child.name() == "mosquitto"]
    broker.kill()
    wait_for(lambda: any(c.name() == "mosquitto" and c.pid != broker.pid for c in demo.children()), "a new broker")
    wait_for(lambda: all(one["availability"] == "online" for one in of_driver(demo, "tasmota")), "plugs online again")


def test_hostile_messages_are_counted_and_harm_nobody(demo: Demo) -> None:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    port = int(demo.info["broker"].rsplit(":", 1)[1])
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("sluis-gateway", (demo.data_dir / "broker" / "gateway-password").read_text().strip())
    client.connect("127.0.0.1", port)
    client.loop_start()
    template = "{{ value_json.x * 99999999 ** 99999999 }}{% for i in range(10**9) %}{% endfor %}"
    hostile = {
        "homeassistant/sensor/evil/config": json.dumps(
            {"state_topic": "evil/s", "value_template": template, "unique_id": "evil", "name": "x"}
        ),
        "homeassistant/sensor/broken/config": "{not json",
        "tasmota/discovery/XX/config": "[" * 5000,
        "zigbee2mqtt/bridge/devices": json.dumps([{"ieee_address": None, "definition": {"exposes": [1, 2]}}] * 50),
        "shellyevil/events/rpc": b"\xff\xfe\x00",
        "sluis/evil/announce": json.dumps({"points": {"a" * 500: {}}}),
        "evil/s": "x" * 400_000,
    }
    for topic, data in hostile.items():
        client.publish(topic, data, 1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    device, key = switches(demo, "tasmota")[0]
    receipt = command(demo, device, key, not value(demo, device, key))
    assert receipt["stage"] not in ("failed", "refused")
    with demo.client() as api:
        assert api.get(f"{demo.info['url']}/readyz").json()["ready"]


def test_the_audit_log_holds_and_names_who_adopted(demo: Demo) -> None:
    with demo.client() as client:
        assert client.get("audit/verify").json()["sound"]
        actions = {one["action"] for one in client.get("audit", params={"limit": 200}).json()["items"]}
    assert "device.adopted" in actions


def test_a_backup_is_made_and_proven(demo: Demo) -> None:
    with demo.client() as client:
        made = client.post("backups").json()
    assert made["verified_at_us"]
    assert not made["problem"]


@pytest.mark.timeout(120)
def test_ctrl_c_stops_everything_and_a_second_start_knows_the_site(tmp_path_factory: pytest.TempPathFactory) -> None:
    demo = start_demo(tmp_path_factory.mktemp("again") / "data")
    wait_for(lambda: len(devices(demo)) >= 3, "adoption")
    children = demo.children()
    assert demo.stop() == 0
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert "Traceback" not in demo.output
    again = start_demo(demo.data_dir)
    try:
        assert len(devices(again)) >= 3
        began = time.monotonic()
        assert again.stop() == 0
        assert time.monotonic() - began < 10
    finally:
        if again.process.poll() is None:
            again.process.kill()
