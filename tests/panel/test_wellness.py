"""Device health over the API and on the pages: who sees what, in which order, in whose words."""

from __future__ import annotations

from sluis.model import Role
from tests.panel.conftest import Browser, Site


async def a_round(site: Site) -> None:
    for device in site.register.devices():
        await site.house.wellness.of(device.key)


async def test_before_the_first_round_there_is_nothing(admin: Browser) -> None:
    assert (await admin.get("/api/v1/health")).json() == {"items": [], "next": "", "total": 0}


async def test_one_device_is_judged_at_once(site: Site, admin: Browser) -> None:
    found = (await admin.get("/api/v1/devices/meter-one/health")).json()
    assert (found["device"], found["name"], found["score"], found["reasons"]) == ("meter-one", "Boiler", 100, [])
    assert found["battery_percent"] is None and found["expected"] is None
    assert (await admin.get("/api/v1/devices/nothing/health")).status_code == 404


async def test_the_list_comes_in_pages_worst_first(site: Site, admin: Browser) -> None:
    for number in range(4):
        await site.device(f"n{number}")
    site.register.counters("meter-n2").own_clock.note(site.clock.at_us + 900_000_000, site.stamp())
    await a_round(site)
    found: list[str] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/api/v1/health?limit=3&cursor={cursor}")).json()
        assert page["total"] == 7
        found += [one["device"] for one in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert found == ["meter-n2", *sorted(set(found) - {"meter-n2"})]
    assert len(found) == len(set(found)) == 7, "those in use, each once"
    worst = (await admin.get("/api/v1/health?limit=1")).json()["items"][0]
    assert worst["reasons"] == [{"code": "clock-off", "points": 10, "numbers": {"seconds": 900.0}}]


async def test_nobody_sees_the_health_of_another_area(site: Site) -> None:
    await a_round(site)
    client = await site.program(Role.VIEWER, frozenset({"Hal"}))
    assert [one["device"] for one in (await client.get("/api/v1/health")).json()["items"]] == ["meter-two"]
    assert (await client.get("/api/v1/devices/meter-one/health")).status_code == 404


async def test_the_pages_say_it_in_both_languages(site: Site, admin: Browser) -> None:
    assert "No device was looked at yet." in (await admin.get("/system", headers={"Accept-Language": "en"})).text
    site.register.counters("meter-one").own_clock.note(site.clock.at_us + 900_000_000, site.stamp())
    await a_round(site)
    for path in ("/devices/meter-one", "/system"):
        dutch = (await admin.get(path, headers={"Accept-Language": "nl"})).text
        english = (await admin.get(path, headers={"Accept-Language": "en"})).text
        assert "de eigen klok loopt" in dutch and "90 van 100" in dutch, path
        assert "its clock is off by" in english and "90 of 100" in english, path
    assert "/devices/meter-two" not in english, "nothing is wrong with that one"


async def test_a_device_that_is_not_in_use_has_no_health(site: Site, admin: Browser) -> None:
    page = await admin.get("/devices/meter-four")
    assert page.status_code == 200 and "wellness-title" not in page.text
