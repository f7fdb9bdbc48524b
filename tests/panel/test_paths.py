"""Two paths to one device, on the pages and over the API."""

from __future__ import annotations

import pytest

from sluis.model import Announcement, Role
from tests.panel.conftest import Browser, Site

MAC = "A8:03:2A:B1:C2:D4"


@pytest.fixture
async def pair(site: Site) -> tuple[str, str]:
    """A device in use, and one that was found on the air with its hardware address."""
    used = await site.device("a8032ab1c2d4", "Relay")
    site.register.links = {"mqtt": "mqtt", "ble": "ble"}
    site.register.announce("meter", "ble", Announcement(MAC, content={"x": 1}, name="Beacon"))
    await site.quiet()
    return used, site.register.by_native("meter", MAC).device.key  # type: ignore[union-attr]


@pytest.fixture
async def anna(site: Site) -> Browser:
    await site.user("anna", Role.TECHNICIAN)
    client = site.browser()
    client.headers["Accept-Language"] = "en"
    await client.sign_in("anna")
    return client


async def test_it_is_proposed_and_a_person_confirms(site: Site, anna: Browser, pair: tuple[str, str]) -> None:
    used, found = pair
    waiting = (await anna.get("/discovered")).text
    assert f"the same hardware address, {MAC} (90 of 100 sure)" in " ".join(waiting.split())
    assert waiting.count("may be the same device") == 1
    assert "It is the same device" in (await anna.get(f"/devices/{found}")).text
    assert (await anna.post(f"/devices/{found}/same-as", data={"other": used})).status_code == 303
    assert site.register.device(found).same_as == used
    for page in (f"/devices/{found}", f"/devices/{used}"):
        text = (await anna.get(page)).text
        assert "Other paths to this device" in text and "may be the same device" not in text
    assert "may be the same device" not in (await anna.get("/discovered")).text
    assert (await anna.post(f"/devices/{found}/same-as", data={})).status_code == 303
    assert site.register.device(found).same_as == ""


async def test_over_the_api(admin: Browser, pair: tuple[str, str]) -> None:
    used, found = pair
    answer = await admin.post(f"/api/v1/devices/{found}/same-as", json={"other": used})
    assert (answer.status_code, answer.json()["same_as"]) == (200, used)
    circle = await admin.post(f"/api/v1/devices/{used}/same-as", json={"other": found})
    assert (circle.status_code, circle.json()["code"]) == (422, "config")
    assert (await admin.delete(f"/api/v1/devices/{found}/same-as")).json()["same_as"] == ""


async def test_nobody_relates_what_they_may_not_see(site: Site, pair: tuple[str, str]) -> None:
    used, found = pair
    tess = await site.program(Role.TECHNICIAN, frozenset({"Kelder"}))
    for first, second in ((found, used), ("meter-one", used)):
        answer = await tess.post(f"/api/v1/devices/{first}/same-as", json={"other": second})
        assert answer.status_code in (403, 404)
    assert site.register.device(found).same_as == ""


async def test_what_a_driver_is_not_certain_of_is_said(site: Site, anna: Browser, admin: Browser) -> None:
    grounds = "It offers the Nordic UART service, as very different devices do."
    said = Announcement("AA:BB:CC:DD:EE:01", content={"x": 1}, confidence="possible", evidence=grounds)
    site.register.announce("meter", "ble", said)
    await site.quiet()
    page = (await anna.get("/discovered")).text
    assert page.count("can perhaps use it") == 1 and f"can perhaps use it. {grounds}" in page
    assert "Nordic UART-dienst" in (await anna.get("/discovered", headers={"Accept-Language": "nl"})).text
    found = {one["native_id"]: one for one in (await admin.get("/api/v1/discovered")).json()["items"]}
    assert (found["AA:BB:CC:DD:EE:01"]["confidence"], found["four"]["confidence"]) == ("possible", "certain")
    assert found["AA:BB:CC:DD:EE:01"]["evidence"] == grounds
