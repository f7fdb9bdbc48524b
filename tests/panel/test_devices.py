"""Devices and points over the API."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sluis.model import Announcement, Availability, Role
from sluis.model.commands import SYSTEM
from sluis.panel.settings import PanelSettings
from tests.panel.conftest import Browser, Site, a_site


async def keys(client: Browser, query: str = "") -> list[str]:
    answer = await client.get(f"/api/v1/devices{query}")
    assert answer.status_code == 200, answer.text
    return [one["key"] for one in answer.json()["items"]]


async def test_a_list_holds_adopted_devices_by_name(admin: Browser) -> None:
    assert await keys(admin) == ["meter-one", "meter-two", "meter-three"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?area=Hal", ["meter-two"]),
        ("?search=boil%20KEL", ["meter-one"]),
        ("?search=nothing", []),
        ("?sort=-name", ["meter-three", "meter-two", "meter-one"]),
        ("?sort=area", ["meter-three", "meter-two", "meter-one"]),
        ("?state=discovered", ["meter-four"]),
        ("?availability=offline", []),
        ("?driver=meter&link=mqtt", ["meter-one", "meter-two", "meter-three"]),
    ],
)
async def test_filters_search_and_sorting(admin: Browser, query: str, found: list[str]) -> None:
    assert await keys(admin, query) == found


@pytest.mark.parametrize("sort", ["name", "-name", "area", "-area", "state", "since", "vendor"])
async def test_pages_hold_each_device_once(site: Site, admin: Browser, sort: str) -> None:
    for number in range(7):
        await site.device(f"n{number}", "same name", "Hal")
    found: list[str] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/api/v1/devices?limit=3&sort={sort}&cursor={cursor}")).json()
        found += [one["key"] for one in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert page["total"] == 10
    assert sorted(found) == sorted(await keys(admin)) and len(set(found)) == len(found) == 10


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bnVsbA", "!!", "%00"])
async def test_a_cursor_from_elsewhere_is_refused(admin: Browser, cursor: str) -> None:
    for path in ("devices", "audit", "alerts?state=all", "values"):
        answer = await admin.get(f"/api/v1/{path}{'&' if '?' in path else '?'}cursor={cursor}")
        assert answer.status_code == 422 and answer.json()["code"] == "api.invalid"


async def test_rights_in_areas_hold_in_every_list(site: Site) -> None:
    client = await site.program(Role.TECHNICIAN, frozenset({"Hal"}))
    assert await keys(client) == ["meter-two"]
    assert (await client.get("/api/v1/devices")).json()["total"] == 1
    assert [one["name"] for one in (await client.get("/api/v1/areas")).json()] == ["Hal"]
    assert {one["device"] for one in (await client.get("/api/v1/values")).json()["items"]} == {"meter-two"}
    for path in ("devices/meter-one", "devices/meter-one/points", "points/meter-one/relay", "devices/meter-one/frames"):
        answer = await client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "device.unknown")


async def test_a_device_shows_its_points(site: Site, admin: Browser) -> None:
    site.say("meter-one", "temperature", 21.5)
    device = (await admin.get("/api/v1/devices/meter-one")).json()
    assert (device["name"], device["area"], device["availability"]) == ("Boiler", "Kelder", "online")
    points = {one["key"]: one for one in (await admin.get("/api/v1/devices/meter-one/points")).json()}
    assert points["temperature"]["reported"] == {
        "value": 21.5,
        "quality": "good",
        "at_us": site.clock.at_us,
        "stale": False,
    }
    assert points["relay"]["reported"] is None and points["relay"]["writable"]
    one = (await admin.get("/api/v1/points/meter-one/temperature")).json()
    assert one == points["temperature"]


async def test_adopting_is_a_persons_decision(site: Site, admin: Browser) -> None:
    assert [one["key"] for one in (await admin.get("/api/v1/discovered")).json()["items"]] == ["meter-four"]
    wish = {"name": "Nieuwe lamp", "area": "Hal", "asset_number": "A-7"}
    answer = await admin.post("/api/v1/discovered/meter-four/adopt", json=wish)
    assert answer.json()["state"] == "adopted" and answer.json()["asset_number"] == "A-7"
    assert (await admin.get("/api/v1/discovered")).json()["items"] == []
    (entry,) = [one for one in await site.audit.entries(5) if one.object == "meter-four"]
    assert entry.actor.startswith("token:admin") and entry.origin == "192.0.2.10"


async def test_ignoring_retiring_and_back(admin: Browser) -> None:
    assert (await admin.post("/api/v1/discovered/meter-four/ignore")).json()["state"] == "ignored"
    assert (await admin.post("/api/v1/devices/meter-two/retire")).json()["state"] == "retired"
    assert (await admin.post("/api/v1/devices/meter-four/rediscover")).json()["state"] == "discovered"


async def test_nobody_puts_a_device_where_they_hold_no_rights(site: Site) -> None:
    client = await site.program(Role.TECHNICIAN, frozenset({"Hal"}))
    answer = await client.patch("/api/v1/devices/meter-two", json={"area": "Kelder"})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")


async def test_an_edit_of_an_old_version_is_refused(admin: Browser) -> None:
    tag = (await admin.get("/api/v1/devices/meter-two")).headers["etag"]
    first = await admin.patch("/api/v1/devices/meter-two", json={"name": "Grote lamp"}, headers={"If-Match": tag})
    assert first.status_code == 200 and first.json()["name"] == "Grote lamp" and first.json()["area"] == "Hal"
    second = await admin.patch("/api/v1/devices/meter-two", json={"name": "Lampje"}, headers={"If-Match": tag})
    assert (second.status_code, second.json()["code"], second.json()["retry"]) == (412, "api.changed", "now")


async def test_readings_come_in_pages_and_series_in_buckets(site: Site, admin: Browser) -> None:
    await site.store("meter-one", "temperature", *[20.0 + n for n in range(10)])
    path = "/api/v1/points/meter-one/temperature"
    first = (await admin.get(f"{path}/readings?limit=6&end_us=60000000")).json()
    rest = (await admin.get(f"{path}/readings?limit=6&end_us=60000000&cursor={first['next']}")).json()
    found = first["items"] + rest["items"]
    assert [one["value"] for one in found] == [20.0 + n for n in range(10)] and not rest["next"]
    assert [one["at_us"] for one in found] == [n * 1_000_000 for n in range(1, 11)]
    series = (await admin.get(f"{path}/series?start_us=0&end_us=60000000&buckets=2")).json()
    (bucket,) = series["buckets"]
    assert (series["unit"], bucket["count"], bucket["min"], bucket["max"]) == ("°C", 10, 20.0, 29.0)
    assert (await admin.get(f"{path}/series?start_us=9&end_us=5")).status_code == 422
    assert (await admin.get("/api/v1/points/meter-one/nothing/readings")).json()["code"] == "command.unknown-point"


async def test_the_past_of_a_choice_is_told_in_words(site: Site, admin: Browser) -> None:
    await site.store("meter-one", "mode", "eco", "eco", "comfort")
    series = (await admin.get("/api/v1/points/meter-one/mode/series?start_us=0&end_us=60000000&buckets=2")).json()
    assert series["buckets"] == []
    assert [(one["counts"], one["last"]) for one in series["shares"]] == [({"eco": 2, "comfort": 1}, "comfort")]


async def test_why_a_point_is_as_it_is(site: Site, admin: Browser) -> None:
    await admin.post("/api/v1/commands", json={"device": "meter-one", "point": "relay", "value": True, "wait": True})
    steps = (await admin.get("/api/v1/points/meter-one/relay/why")).json()
    assert "command" in {step["kind"] for step in steps} and all(step["text"]["nl"] for step in steps)


async def test_the_thing_description_follows_the_recommendation(admin: Browser) -> None:
    thing = (await admin.get("/api/v1/devices/meter-one/thing")).json()
    assert thing["@context"][0] == "https://www.w3.org/2022/wot/td/v1.1"
    assert thing["base"] == "https://sluis.local/api/v1/"
    assert set(thing["properties"]) == {"temperature", "relay", "level", "mode"}
    assert thing["properties"]["mode"]["enum"] == ["eco", "comfort"]
    assert thing["properties"]["temperature"]["readOnly"] and thing["properties"]["level"]["multipleOf"] == 1
    assert set(thing["actions"]) == {"restart"} and set(thing["events"]) == {"button"}
    for kind in ("properties", "actions", "events"):
        assert all(one["forms"] and one["forms"][0]["href"] for one in thing[kind].values())


async def test_two_thousand_devices_are_listed_in_300_ms(tmp_path: Path) -> None:
    async with a_site(tmp_path, PanelSettings()) as site:
        for number in range(2_000):
            said = Announcement(f"n{number}", content={"x": 1}, name=f"Sensor {number % 700}", vendor="Test")
            site.register.announce("meter", "mqtt", said)
            await site.register.adopt(f"meter-n{number}", name=f"Sensor {number}", area=f"A{number % 20}", actor=SYSTEM)
            site.register.twin(f"meter-n{number}").heard(site.stamp())
        client = await site.program(Role.VIEWER)
        spent: list[float] = []
        for _ in range(3):
            began = time.process_time()
            answer = await client.get("/api/v1/devices?limit=2000&search=sensor")
            spent.append(time.process_time() - began)
            assert len(answer.json()["items"]) == 2_000
            assert {one["availability"] for one in answer.json()["items"]} == {Availability.ONLINE.value}
        assert min(spent) < 0.3, spent


async def test_why_a_driver_failed_is_a_page_and_a_file(site: Site, admin: Browser) -> None:
    await site.user("tech", Role.TECHNICIAN)
    tech = site.browser()
    tech.headers["Accept-Language"] = "en"
    await tech.sign_in("tech")
    shown = (await tech.get("/drivers/meter")).text
    assert "ValueError: x" in shown and "What made it fail" in shown
    taken = await tech.get("/drivers/meter/faults.jsonl")
    assert taken.headers["content-disposition"] == 'attachment; filename="meter-faults.jsonl"'
    assert taken.text == '{"name": "fault 1 in decode"}\n'
    assert "does not load" in (await tech.get("/drivers/broken.py")).text
    assert (await tech.get("/drivers/nothing")).status_code == 404
    assert (await tech.post("/drivers/meter/release")).headers["location"] == "/drivers/meter"
    assert (await tech.post("/drivers/teller/release")).status_code == 404, "none of it is put aside"
    await site.user("anna", Role.OPERATOR)
    operator = site.browser()
    await operator.sign_in("anna")
    assert (await operator.get("/drivers/meter")).status_code == 403
