"""Rollouts on the panel and over the API: who may, what is shown, what is asked of one that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from sluis.fleet import Plan, Promise, Release, begin
from sluis.model import Quality, Role
from sluis.model.readings import Availability
from sluis.twins.twin import Reported
from sluis.updates import Rollouts
from tests.panel.conftest import Browser, Site

PICO, OTHER = "e661410403020100", "e661410403020101"
ID = "0a1b2c3d4e5f"


def a_rollout(site: Site) -> Rollouts:
    """Two waves, of which the first has begun."""
    held = site.house.rollouts
    assert held is not None
    release = Release(name="any-0.3.0-14.sluis", version="0.3.0", sequence=14, size_bytes=100_000)
    plan = Plan(id=ID, release=release, waves=((PICO,), (OTHER,)), left_out=(("e661410403020102", "signal"),))
    at_s = site.clock.stamp().at_us / 1e6
    held._held[ID] = begin(plan, {}, "person:admin", at_s)
    return held


async def test_a_rollout_is_shown_with_each_node_paused_and_ended(site: Site, admin: Browser) -> None:
    await site.node(PICO, adopt=True)
    held = a_rollout(site)
    (listed,) = (await admin.get("/api/v1/rollouts")).json()
    assert (listed["id"], listed["phase"], listed["waves"]) == (ID, "running", [1, 1])
    told = (await admin.get(f"/api/v1/rollouts/{ID}")).json()
    assert [(one["node"], one["wave"], one["step"]) for one in told["members"]] == [
        (PICO, 1, "waiting"),
        (OTHER, 2, "waiting"),
    ]
    shown = (await admin.get(f"/rollouts/{ID}")).text
    assert "any-0.3.0-14.sluis" in shown and f"/devices/sluis-node-{PICO}" in shown
    assert (await admin.post(f"/rollouts/{ID}/pause")).status_code == 303
    assert held.rollout(ID).phase == "paused"
    ended = (await admin.post(f"/api/v1/rollouts/{ID}/abort", json={"reason": "enough"})).json()
    assert (ended["phase"], ended["counts"]) == ("aborted", {"left": 2})
    assert (await admin.post(f"/api/v1/rollouts/{ID}/resume", json={})).status_code == 403, "it has ended"
    actions = [one["action"] for one in (await admin.get(f"/api/v1/audit?object={ID}")).json()["items"]]
    assert {"rollout.pause", "rollout.abort", "rollout.step"} <= set(actions)


async def test_what_is_not_there_and_who_may_not(site: Site, admin: Browser) -> None:
    assert (await admin.get(f"/api/v1/rollouts/{ID}")).json()["code"] == "rollout.unknown"
    page = (await admin.get("/rollouts")).text
    assert "sluis bundle import" in page
    refused = await admin.post("/api/v1/rollouts", json={"bundle": "any-1-1.sluis"})
    assert "trusts nobody's releases" in refused.json()["title"]
    wrong = {"failures": ("0", "failures a number"), "windows": ([{"begins": "25:00"}], "no time of day")}
    for key, (value, said) in wrong.items():
        answer = await admin.post("/api/v1/rollouts/forecast", json={"bundle": "any-1-1.sluis", key: value})
        assert answer.status_code == 422 and said in answer.text, answer.text
    a_rollout(site)
    await site.user("tess", Role.TECHNICIAN)
    tess = site.browser()
    await tess.sign_in("tess")
    assert (await tess.get(f"/rollouts/{ID}")).status_code == 200
    assert (await tess.post(f"/rollouts/{ID}/undo")).status_code == 403


async def test_it_survives_a_restart_and_goes_on(
    site: Site, admin: Browser, eventually: Callable[..., Awaitable[None]], tmp_path: Path
) -> None:
    held = a_rollout(site)
    await held._save(held.rollout(ID))
    await held.told(PICO, "0.2.0", 13, phase="fetching", percent=40)
    before = held.rollout(ID)
    assert before.members[PICO].step == "fetching"
    again = Rollouts(held._site, {}, held._keeper, site.audit, site.clock)
    running = asyncio.ensure_future(again.run())
    await eventually(lambda: again.all() != [])
    assert again.rollout(ID).members[PICO].step == "fetching"
    await again.told(PICO, "0.3.0", 14)
    assert again.rollout(ID).members[PICO].step == "done"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_one_that_breaks_what_its_update_promises_goes_back(site: Site, admin: Browser) -> None:
    key = await site.node(PICO, adopt=True)
    held = a_rollout(site)
    made = held.rollout(ID)
    made.plan = msgspec.structs.replace(made.plan, promise=Promise(free_bytes=60_000))
    await held.told(PICO, "0.3.0", 14)
    assert made.members[PICO].step == "done"
    site.register.twin(key).availability = Availability.ONLINE
    for free, failed in ((90_000, ""), (12_000, "promise")):
        stamp = site.clock.stamp()
        site.register.twin(key).reported["free_memory"] = Reported(free, Quality.GOOD, stamp)
        await held._look(made, stamp.at_us / 1e6)
        assert made.members[PICO].failed == failed
    assert made.members[PICO].wish == "old"
