"""Labels, cards and site walks over the API."""

from __future__ import annotations

import csv
import io

from PIL import Image

from sluis.model import Role
from sluis.model.commands import SYSTEM
from sluis.store.signing import SigningKey
from sluis_provision.papers.certificate import opened
from tests.panel.conftest import Browser, Site
from tests.provision.papers.conftest import codes_of, pages_of, text_of

AREA = "Hal"


async def test_a_label_leads_to_its_device(admin: Browser) -> None:
    answer = await admin.get("/api/v1/devices/meter-two/label?tape=zebra-50x25")
    assert answer.headers["content-type"] == "image/png"
    (code,) = codes_of(Image.open(io.BytesIO(answer.content)))
    assert code.endswith("/d/meter-two")
    assert "brother-62x29" in (await admin.get("/api/v1/label-stock")).json()
    unknown = await admin.get("/api/v1/devices/meter-two/label?tape=parchment")
    assert unknown.status_code == 404 and "zebra-50x25" in unknown.json()["hint"]


async def test_labels_of_a_room_are_a_sheet(admin: Browser) -> None:
    answer = await admin.get(f"/api/v1/labels?area={AREA}&copies=2")
    ((_, picture),) = pages_of(answer.content)
    assert [code.rpartition("/")[2] for code in codes_of(picture)] == ["meter-two"] * 2
    everything = await admin.get("/api/v1/labels?device=meter-one&device=meter-three&sheet=l7163")
    ((_, picture),) = pages_of(everything.content)
    assert len(codes_of(picture)) == 2
    assert (await admin.get("/api/v1/labels?device=nothing")).status_code == 404
    assert (await admin.get("/api/v1/labels?sheet=papyrus")).status_code == 404
    many = await admin.get("/api/v1/labels?" + "&".join(["device=meter-one"] * 11) + "&copies=100")
    assert many.status_code == 422 and "at most 1000" in many.json()["title"]


async def test_a_card_is_written_and_reset(site: Site, admin: Browser) -> None:
    path = "/api/v1/devices/meter-two/card?language=en"
    made = (await admin.get(path)).json()
    assert made["by"] == "" and "## How to use it" in made["text"]
    written = (await admin.put(path, json={"text": "# Tap\r\n\nTurn it **left**."})).json()
    assert written["by"] and written["text"] == "# Tap\n\nTurn it **left**."
    assert (await admin.get(path)).json() == written
    assert "Wat het is" in (await admin.get(path.replace("en", "nl"))).json()["text"], "the other language is its own"
    told = text_of((await admin.get(path.replace("card?", "card.pdf?"))).content)
    assert "Turn it left." in told
    assert (await admin.delete(path)).json() == made
    assert [one.action for one in await site.audit.entries(2)] == ["card.reset", "card.write"]
    for bad, status in (({"text": " "}, 409), ({"text": "x" * 4_001}, 409), ({"text": "x", "y": 1}, 422)):
        assert (await admin.put(path, json=bad)).status_code == status


async def test_an_area_is_opened_by_whoever_looks_after_it(site: Site, admin: Browser) -> None:
    assert (await admin.put("/api/v1/open-areas", json={"area": AREA, "open": True})).json() == [AREA]
    assert (await admin.put("/api/v1/open-areas", json={"area": AREA, "open": False})).json() == []
    assert (await admin.put("/api/v1/open-areas", json={"area": "Maan", "open": True})).status_code == 404
    other = await site.program(Role.TECHNICIAN, areas=frozenset({"Kelder"}))
    assert (await other.put("/api/v1/open-areas", json={"area": AREA, "open": True})).status_code == 403


async def test_a_room_is_walked_signed_and_walked_again(site: Site, admin: Browser) -> None:
    site.say("meter-two", "temperature", 21.5)
    site.say("meter-two", "relay", False)
    walk = (await admin.post("/api/v1/walks", json={"area": AREA})).json()
    steps = walk["steps"]
    assert (steps[0]["device"], steps[0]["point"]) == ("meter-two", "")
    by_point = {step["point"]: number for number, step in enumerate(steps)}
    assert steps[by_point["relay"]]["drive"] == [True, False]
    path = f"/api/v1/walks/{walk['id']}"
    refused = await admin.post(f"{path}/sign")
    assert refused.status_code == 409 and f"{len(steps)} steps are open" in refused.json()["title"]
    for number in range(len(steps)):
        answer = await admin.post(f"{path}/steps/{number}/attempt")
        assert answer.status_code == 200, answer.text
    done = (await admin.get(path)).json()["steps"]
    assert done[by_point["temperature"]]["found"] == "21.5 °C"
    judged = {"outcome": "skipped", "note": "ladder needed"}
    for number, step in enumerate(done):
        if step["outcome"] != "passed":
            assert (await admin.put(f"{path}/steps/{number}", json=judged)).status_code == 200
    note = (await admin.post(f"{path}/sign")).text
    assert note == (await admin.get(f"{path}/certificate")).text
    key = SigningKey.load_or_make(site.folder / "pki" / "audit.key")
    certificate = opened(note, key.public, key.verified)
    assert certificate.room == AREA and len(certificate.checks) == len(steps)
    told = text_of((await admin.post(f"{path}/report?language=en")).content)
    assert f"{certificate.passed} of {len(steps)} checks passed" in told
    assert (await admin.put(f"{path}/steps/0", json=judged)).status_code == 409, "what is signed is signed"
    assert (await admin.delete(path)).status_code == 409
    again = (await admin.post("/api/v1/walks", json={"repeat": walk["id"]})).json()
    assert again["before"] and again["area"] == AREA
    assert (await admin.delete(f"/api/v1/walks/{again['id']}")).status_code == 204
    assert [one["id"] for one in (await admin.get("/api/v1/walks")).json()] == [walk["id"]]


async def test_a_walk_is_for_those_who_look_after_the_room(site: Site, admin: Browser) -> None:
    walk = (await admin.post("/api/v1/walks", json={"area": AREA})).json()["id"]
    other = await site.program(Role.TECHNICIAN, areas=frozenset({"Kelder"}))
    for method, path in (("GET", ""), ("POST", "/steps/0/attempt"), ("POST", "/sign"), ("DELETE", "")):
        assert (await other.request(method, f"/api/v1/walks/{walk}{path}")).status_code == 403
    assert (await other.get("/api/v1/walks")).json() == []
    assert (await admin.post("/api/v1/walks", json={"area": "Maan"})).status_code == 409
    assert (await admin.post(f"/api/v1/walks/{walk}/steps/999/attempt")).status_code == 404
    assert (await admin.get("/api/v1/walks/abc")).status_code == 404
    assert (await admin.post(f"/api/v1/walks/{walk}/report")).status_code == 409


async def test_what_is_in_use_is_in_the_register(site: Site, admin: Browser) -> None:
    wish = {"name": "=SUM(A1)", "area": "Kelder", "asset_number": "A-7"}
    assert (await admin.post("/api/v1/discovered/meter-four/adopt", json=wish)).status_code == 200
    await site.register.retire("meter-one", actor=SYSTEM)
    listed = {one["key"]: one for one in (await admin.get("/api/v1/asset-register")).json()}
    assert listed["meter-four"]["in_use_by"] and listed["meter-four"]["in_use_by"] != listed["meter-two"]["in_use_by"]
    assert listed["meter-one"]["state"] == "retired", "what was in use stays in the books"
    sheet = await admin.get("/api/v1/asset-register.csv")
    assert sheet.headers["content-type"].startswith("text/csv")
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig")))}
    assert rows["meter-four"]["name"] == "'=SUM(A1)", "a spreadsheet works nothing out"
    assert rows["meter-four"]["in_use_since_us"].endswith("+00:00")
    other = await site.program(Role.VIEWER, areas=frozenset({"Kelder"}))
    seen = [one["key"] for one in (await other.get("/api/v1/asset-register")).json()]
    assert seen == ["meter-four", "meter-one"], "by name, in the area that they may see"
