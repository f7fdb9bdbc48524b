"""The first complete path: real stand-ins on a real broker, decoded, stored, live, watched, commanded, explained."""

from __future__ import annotations

import time

import psutil
import pytest

from .conftest import Demo, command, devices, of_driver, start_demo, switches, value, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("driver", ["tasmota", "shelly-gen2", "zigbee2mqtt", "homeassistant-mqtt", "modbus", "pjlink"])
def test_every_family_is_in_use_and_online(demo: Demo, driver: str) -> None:
    wait_for(
        lambda: of_driver(demo, driver) and all(one["availability"] == "online" for one in of_driver(demo, driver)),
        f"{driver} online",
    )


def test_some_devices_are_left_to_adopt(demo: Demo) -> None:
    with demo.client() as client:
        assert client.get("discovered").json()["items"]


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
