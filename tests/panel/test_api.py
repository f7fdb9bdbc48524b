"""Commands, alerts, rules, accounts, audit and system over the API; errors; hostile input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluis.model import Role
from tests.panel.conftest import PASSWORD, Browser, Site

ON = {"device": "meter-one", "point": "relay", "value": True}


# -- commands ---------------------------------------------------------------------------------------------


async def test_a_command_is_accepted_and_followed(site: Site) -> None:
    client = await site.program(Role.OPERATOR)
    answer = await client.post("/api/v1/commands", json={**ON, "reason": "lunch"})
    assert answer.status_code == 202 and answer.json()["stage"] == "accepted"
    receipt = await site.control.outcome(answer.json()["id"])
    followed = (await client.get(answer.headers["location"])).json()
    assert followed["stage"] == receipt.stage.value == "done" and followed["reason"] == "lunch"
    assert followed["actor"].startswith("token:operator") and followed["origin"] == "192.0.2.10"
    (listed,) = (await client.get("/api/v1/commands?device=meter-one")).json()["items"]
    assert listed["id"] == followed["id"]
    assert site.register.twin("meter-one").reported["relay"].value is True


async def test_a_command_that_waits_and_a_bare_value(site: Site) -> None:
    client = await site.program(Role.OPERATOR)
    waited = await client.post("/api/v1/commands", json={**ON, "wait": True})
    assert waited.status_code == 200 and waited.json()["stage"] == "done" and waited.json()["final"]
    bare = await client.put("/api/v1/points/meter-one/level", json=35)
    assert bare.json()["stage"] == "done" and bare.json()["value"] == 35


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"value": "warm"}, 422, "command.out-of-range"),
        ({"point": "level", "value": 101}, 422, "command.out-of-range"),
        ({"point": "temperature", "value": 20}, 409, "command.read-only"),
        ({"point": "nothing"}, 404, "command.unknown-point"),
        ({"device": "meter-nine"}, 404, "device.unknown"),
        ({"deadline_s": 0}, 422, "api.invalid"),
        ({"value": [1]}, 422, "api.invalid"),
        ({"value": 10**30}, 422, "command.out-of-range"),
        ({"surprise": 1}, 422, "api.invalid"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(
    admin: Browser, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await admin.post("/api/v1/commands", json={**ON, **change})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and problem["title"] and problem["type"].endswith(f":{code}")
    assert problem["instance"] == "/api/v1/commands"


async def test_commands_hold_to_areas(site: Site, admin: Browser) -> None:
    await admin.post("/api/v1/commands", json={**ON, "wait": True})
    client = await site.program(Role.OPERATOR, frozenset({"Hal"}))
    assert (await client.post("/api/v1/commands", json=ON)).status_code == 404
    assert (await client.get("/api/v1/commands")).json()["items"] == []
    assert (await client.post("/api/v1/commands", json={**ON, "device": "meter-two"})).status_code == 202


async def test_a_device_that_does_not_answer_expires(site: Site, admin: Browser) -> None:
    site.link.silent = True
    accepted = await admin.post("/api/v1/commands", json={**ON, "deadline_s": 1})
    await site.clock.advance(2)
    receipt = await site.control.outcome(accepted.json()["id"])
    found = (await admin.get(f"/api/v1/commands/{receipt.command.id}")).json()
    assert (found["stage"], found["code"]) == ("expired", "command.expired")


# -- alerts -----------------------------------------------------------------------------------------------


async def test_alerts_are_seen_acknowledged_and_noted_by_area(site: Site) -> None:
    one, two = site.alert("meter-one").id, site.alert("meter-two").id
    link = site.alert("", "link-down", ("meter-one", "meter-two")).id
    gateway = site.alert("", "disk-full").id
    past = site.alert("meter-two", "flood")
    site.alerts.clear(past)
    hall = await site.program(Role.OPERATOR, frozenset({"Hal"}))
    everyone = await site.program(Role.OPERATOR)
    assert {one["id"] for one in (await hall.get("/api/v1/alerts")).json()["items"]} == {two, link}
    assert {one["id"] for one in (await everyone.get("/api/v1/alerts")).json()["items"]} == {one, two, link, gateway}
    assert [one["id"] for one in (await hall.get("/api/v1/alerts?state=all")).json()["items"]] == [past.id, link, two]
    first = (await everyone.get("/api/v1/alerts?state=all&limit=3")).json()
    second = (await everyone.get(f"/api/v1/alerts?state=all&limit=3&cursor={first['next']}")).json()
    assert [one["id"] for one in first["items"] + second["items"]] == [past.id, gateway, link, two, one]
    assert (await hall.get(f"/api/v1/alerts/{link}")).json()["affected"] == ["meter-two"], "not the other area's"
    assert (await hall.get(f"/api/v1/alerts/{one}")).status_code == 404
    assert (await hall.post(f"/api/v1/alerts/{one}/acknowledge", json={})).status_code == 404
    taken = (await hall.post(f"/api/v1/alerts/{two}/acknowledge", json={"text": "on it"})).json()
    assert taken["acknowledged_by"].startswith("operator-") and taken["owner"] == taken["acknowledged_by"]
    await hall.post(f"/api/v1/alerts/{two}/note", json={"text": "window open"})
    assert (await hall.post(f"/api/v1/alerts/{two}/assign", json={"owner": "bert"})).json()["owner"] == "bert"
    story = (await hall.get(f"/api/v1/alerts/{two}")).json()
    assert [step["what"] for step in story["steps"]] == ["opened", "acknowledged", "note", "assigned"]
    assert story["messages"]["nl"] == "meter-two is offline"


# -- rules ------------------------------------------------------------------------------------------------


async def test_rules_are_written_with_versions_and_errors_that_name_the_key(admin: Browser) -> None:
    made = await admin.put("/api/v1/rules/cold", json={"when": {"below": 5}})
    assert made.status_code == 200 and made.json()["origin"] == "file" and made.json()["body"]["when"] == {"below": 5}
    first = {"If-Match": made.headers["etag"]}
    changed = await admin.put("/api/v1/rules/cold", json={"when": {"below": 6}}, headers=first)
    assert changed.json()["version"] != made.json()["version"]
    late = await admin.put("/api/v1/rules/cold", json={"when": {"below": 7}}, headers=first)
    assert (late.status_code, late.json()["code"]) == (412, "api.changed")
    versions = (await admin.get("/api/v1/rules/cold/versions")).json()
    assert [one["body"]["when"]["below"] for one in versions] == [6, 5]
    wrong = await admin.put("/api/v1/rules/hot", json={"when": {"abov": 3}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "config") and "abov" in wrong.json()["title"]
    assert {"cold", "device-offline"} <= {one["name"] for one in (await admin.get("/api/v1/rules")).json()}
    assert (await admin.delete("/api/v1/rules/cold")).status_code == 204
    assert (await admin.get("/api/v1/rules/cold")).status_code == 404
    assert (await admin.delete("/api/v1/rules/device-offline")).status_code == 404, "built in"


# -- accounts ---------------------------------------------------------------------------------------------


async def test_users_are_managed_and_every_change_is_in_the_audit_log(site: Site, admin: Browser) -> None:
    await site.user("root", Role.ADMIN)
    body = {"name": "Bert", "password": PASSWORD, "role": "operator", "areas": ["Hal"], "language": "nl"}
    assert (await admin.post("/api/v1/users", json=body)).json()["name"] == "bert"
    assert (await admin.post("/api/v1/users", json=body)).status_code == 409
    changed = (await admin.patch("/api/v1/users/BERT", json={"role": "technician", "areas": None})).json()
    assert (changed["role"], changed["areas"], changed["language"]) == ("technician", None, "nl")
    assert (await admin.patch("/api/v1/users/bert", json={"disabled": True})).json()["disabled"]
    assert (await admin.put("/api/v1/users/bert/password", json={"password": "another long one"})).status_code == 204
    assert (await admin.delete("/api/v1/users/bert")).status_code == 204
    assert (await admin.get("/api/v1/users/bert")).status_code == 404
    last = await admin.delete("/api/v1/users/root")
    assert (last.status_code, last.json()["code"]) == (409, "auth.last-admin")
    entries = (await admin.get("/api/v1/audit?action=user&object=bert")).json()["items"]
    assert [one["action"] for one in entries] == [
        "user.remove",
        "user.set-password",
        "user.change",
        "user.change",
        "user.add",
    ]
    assert entries[3]["detail"]["before"]["role"] == "operator" and entries[3]["detail"]["after"]["areas"] is None
    assert "password" not in json.dumps([one["detail"] for one in entries])


async def test_tokens_are_made_shown_once_and_removed(admin: Browser) -> None:
    body = {"name": "grafana cloud", "role": "viewer", "nouns": ["devices:read"]}
    made = (await admin.post("/api/v1/tokens", json=body)).json()
    assert made["secret"].startswith("slu_") and made["nouns"] == ["devices:read"]
    listed = (await admin.get("/api/v1/tokens")).json()
    assert "grafana cloud" in [one["name"] for one in listed] and "secret" not in listed[0]
    assert (await admin.delete("/api/v1/tokens/grafana%20cloud")).status_code == 204
    for wrong in ({"role": "king"}, {"nouns": ["moon:read"]}, {"nouns": []}):
        assert (await admin.post("/api/v1/tokens", json={**body, **wrong})).status_code == 422


async def test_the_audit_log_is_paged_and_checked(site: Site, admin: Browser) -> None:
    for number in range(5):
        await site.user(f"u{number}", Role.VIEWER)
    first = (await admin.get("/api/v1/audit?limit=4")).json()
    second = (await admin.get(f"/api/v1/audit?limit=4&cursor={first['next']}")).json()
    seqs = [one["seq"] for one in first["items"] + second["items"]]
    assert seqs == sorted(seqs, reverse=True) and len(set(seqs)) == 8
    verdict = (await admin.get("/api/v1/audit/verify")).json()
    assert verdict["sound"] and verdict["findings"] == [] and verdict["entries"] >= 8


# -- the gateway itself -----------------------------------------------------------------------------------


async def test_the_gateway_says_how_it_is(site: Site, admin: Browser) -> None:
    system = (await admin.get("/api/v1/system")).json()
    assert system["queues"][0] == {"name": "bus:rules", "depth": 1, "limit": 10_000, "dropped": 0}
    assert (await admin.get("/api/v1/links")).json()[0]["up"]
    drivers = (await admin.get("/api/v1/drivers")).json()
    assert "Traceback" in drivers[1]["fault"]
    assert (await admin.get("/api/v1/storage")).json()["card_life_years"] == 12.5
    assert (await admin.get("/api/v1/settings")).json()["notify"]["smtp_password"] == "********"
    made = (await admin.post("/api/v1/backups")).json()
    assert (await admin.post(f"/api/v1/backups/{made['name']}/verify")).json()["verified_at_us"] == 2
    assert (await admin.post("/api/v1/backups/none/verify")).status_code == 404


async def test_ready_tells_the_part_that_is_not(site: Site) -> None:
    client = site.browser()
    assert (await client.get("/readyz")).status_code == 200
    site.house.system.ready = False  # type: ignore[attr-defined]
    answer = await client.get("/readyz")
    assert answer.status_code == 503 and answer.json() == {
        "ready": False,
        "store": True,
        "broker": False,
        "intake": True,
    }


async def test_metrics_are_what_prometheus_reads(site: Site) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    text = (await site.browser("127.0.0.1").get("/metrics")).text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert {one.labels["availability"]: one.value for one in families["sluis_devices_reachable"].samples} == {
        "online": 3
    }
    assert families["sluis_frames_received"].samples[0].value == 9
    assert families["sluis_link_up"].samples[0].labels == {"link": "mqtt"}


# -- errors and hostile input -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2", "/api/v1/devices/a/b/c/d"])
async def test_what_is_not_there_is_a_problem_too(admin: Browser, path: str) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not-found"


async def test_a_wrong_method_is_a_problem_too(admin: Browser) -> None:
    answer = await admin.put("/api/v1/devices")
    assert (answer.status_code, answer.json()["code"]) == (405, "api.method")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"NaN",
        b"{}" * 10,
        b"[" * 50_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"device":"\\ud800","point":"x"}',
        b'{"device":"a","point":"x","value":NaN}',
        b'{"device":"a","point":"x","value":Infinity}',
        b'{"device":"a","point":"x","value":1e999}',
        b'{"device":"a","point":"x","value":' + b"9" * 5_000 + b"}",
        b'{"device":"' + b"a" * 200_000 + b'","point":"x"}',
    ],
)
async def test_bodies_that_are_not_what_they_should_be(admin: Browser, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in (
        ("POST", "commands"),
        ("PUT", "rules/x"),
        ("PUT", "points/meter-one/level"),
        ("POST", "users"),
    ):
        answer = await admin.request(method, f"/api/v1/{path}", content=body, headers=headers)
        assert answer.status_code in (400, 404, 422, 202, 200), (path, answer.status_code, answer.text[:300])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert len(answer.content) < 10_000, "an error does not send the input back"


@pytest.mark.parametrize(
    "key", ["..%2f..%2fetc", "%00", "%ff%fe", "a" * 5_000, "%F0%9F%A4%B7", "';--", "{{7*7}}", "%0d%0aX:%20y"]
)
async def test_hostile_keys(admin: Browser, key: str) -> None:
    for path in (f"devices/{key}", f"points/meter-one/{key}", f"commands/{key}", f"rules/{key}", f"users/{key}"):
        answer = await admin.get(f"/api/v1/{path}")
        assert answer.status_code in (404, 422), (path, answer.status_code)
        assert "X" not in answer.headers


@given(text=st.text(max_size=40), number=st.integers() | st.floats() | st.text(max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_query_gets_an_answer(admin: Browser, text: str, number: object) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    params: dict[str, Any] = {"search": text, "area": text, "limit": str(number), "cursor": text, "sort": text}
    for path in ("devices", "audit", "alerts", "commands", "points/meter-one/level/readings"):
        answer = await admin.get(f"/api/v1/{path}", params=params)
        assert answer.status_code in (200, 422), answer.text
