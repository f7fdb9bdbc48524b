"""What must not hurt: a broker that dies, messages made to do harm. Each on a demo site of its own."""

from __future__ import annotations

import json

import pytest

from .conftest import Demo, command, of_driver, switches, value, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_killed_broker_comes_back_with_everybody(demo: Demo) -> None:
    (broker,) = [child for child in demo.children() if child.name() == "mosquitto"]
    broker.kill()
    wait_for(lambda: any(c.name() == "mosquitto" and c.pid != broker.pid for c in demo.children()), "a new broker")
    wait_for(lambda: all(one["availability"] == "online" for one in of_driver(demo, "tasmota")), "plugs online again")
    device, key = switches(demo, "tasmota")[0]
    wait_for(lambda: command(demo, device, key, True)["stage"] in ("done", "effective"), "an obeyed command")


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
