"""Plugs of another maker in a rollout, in the demo site: over its real broker, by what the devices speak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.conftest import start_demo, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_tasmota_plugs_are_updated_in_waves_and_say_that_they_cannot_go_back(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "data")
    sluis = demo.sluis
    try:
        with demo.client() as client:

            def plugs() -> list[str]:
                found = client.get("devices").json()
                held = found["items"] if isinstance(found, dict) else found
                return [one["key"] for one in held if one["driver"] == "tasmota" and one["availability"] == "online"]

            wait_for(lambda: bool(plugs()), "plugs")
            soft = ("--wave", "1", "--wave", "rest", "--soak", "1")
            assert "DRIVER@VERSION" in sluis("rollout", "plan", "tasmota 14.2", code=1)
            plan = json.loads(
                sluis("rollout", "plan", "tasmota@99.0.0=http://demo.invalid/tasmota.bin.gz.missing", *soft, "--json")
            )
            assert plan["waves"] and not plan["left_out"]
            bad = json.loads(
                sluis(
                    "rollout",
                    "begin",
                    "tasmota@99.0.0=http://demo.invalid/tasmota.bin.gz.missing",
                    *soft,
                    "--yes",
                    "--json",
                )
            )
            stopped = json.loads(sluis("rollout", "show", bad["id"], "--follow", "--json"))
            assert (stopped["phase"], stopped["why"], stopped["failed"]) == ("paused", "failures", 1)
            again = json.loads(sluis("rollout", "retry", bad["id"], "--json"))
            assert again["failed"] == 0, "what it said of the first try is no news"
            stopped = json.loads(sluis("rollout", "show", bad["id"], "--follow", "--json"))
            assert (stopped["phase"], stopped["failed"]) == ("paused", 1)
            made = json.loads(
                sluis(
                    "rollout",
                    "begin",
                    "tasmota@14.3.0=http://demo.invalid/tasmota.bin.gz",
                    *soft,
                    "--yes",
                    "--follow",
                    "--json",
                )
            )
            count = len(made["members"])
            assert (made["phase"], made["counts"], made["failed"]) == ("done", {"done": count}, 0), made
            back = json.loads(sluis("rollout", "undo", made["id"], "--json"))
            assert back["phase"] in ("returning", "undone")
            wait_for(lambda: client.get(f"rollouts/{made['id']}").json()["phase"] == "undone", "its end")
            told = client.get(f"rollouts/{made['id']}").json()
            assert {one["failed"] for one in told["members"]} == {"no-way-back"}
    finally:
        demo.stop()
