"""What a label's code leads to, and cards and walks on the pages."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from sluis.model import Role
from sluis.store.signing import SigningKey
from sluis_provision.papers.certificate import opened
from tests.panel.conftest import Browser, Site
from tests.provision.papers.conftest import codes_of, text_of

AREA = "Hal"


@pytest.fixture
async def anna(site: Site) -> Browser:
    await site.user("anna", Role.TECHNICIAN)
    client = site.browser()
    client.headers["Accept-Language"] = "en"
    await client.sign_in("anna")
    return client


async def test_a_code_leads_strangers_to_the_card_only_where_the_area_is_open(site: Site, anna: Browser) -> None:
    stranger = site.browser()
    for key in ("meter-two", "there-is-none"):
        closed = await stranger.get(f"/d/{key}")
        assert (closed.status_code, closed.headers["location"]) == (303, f"/sign-in?next=%2Fdevices%2F{key}")
    answer = await anna.post("/open-area", data={"area": AREA, "open": "1"})
    assert answer.status_code == 303
    card = await stranger.get("/d/meter-two", headers={"Accept-Language": "en"})
    assert card.status_code == 200 and "How to use it" in card.text
    assert "Change" not in card.text and "Sign in to see" in card.text
    assert (await stranger.get("/d/meter-one")).status_code == 303, "another area stays closed"
    assert (await stranger.get("/devices/meter-two/card")).status_code in (303, 401), "only by the code"
    assert (await anna.get("/d/meter-two")).headers["location"] == "/devices/meter-two"
    assert (await anna.get("/d/there-is-none")).status_code == 404
    await anna.post("/undo/open-area", data={"area": AREA, "open": ""})
    assert (await stranger.get("/d/meter-two")).status_code == 303


async def test_a_card_is_written_shown_and_made_again(site: Site, anna: Browser) -> None:
    page = "/devices/meter-two/card"
    assert "Made from what the device offers" in (await anna.get(page)).text
    form = (await anna.get(f"{page}?edit=1&language=en")).text
    assert "<textarea" in form
    saved = await anna.post(f"{page}?language=en", data={"text": "# Tap\n\nTurn it <b>left</b>."})
    assert saved.status_code == 303
    shown = (await anna.get(f"{page}?language=en")).text
    assert "<h1>Tap</h1>" in shown and "<b>left</b>" not in shown and "Written by anna" in shown
    assert "Wat het is" in (await anna.get(f"{page}?language=nl")).text, "the other language is its own"
    empty = await anna.post(f"{page}?language=en", data={"text": "  "})
    assert empty.status_code == 409 and "cannot be empty" in empty.text
    long = await anna.post(f"{page}?language=en", data={"text": "word " * 900})
    assert long.status_code == 409 and "word word" in long.text, "what was typed is still there"
    assert (await anna.post(f"{page}/reset?language=en")).status_code == 303
    assert "Made from what the device offers" in (await anna.get(f"{page}?language=en")).text
    viewer = await site.program(Role.VIEWER)
    assert (await viewer.post(f"{page}?language=en", data={"text": "x"})).status_code == 403


async def test_a_room_is_walked_on_the_phone(site: Site, anna: Browser) -> None:
    site.say("meter-two", "temperature", 21.5)
    site.say("meter-two", "relay", False)
    begun = await anna.post("/walks", data={"area": AREA})
    path = begun.headers["location"]
    for order in ("name", "signal"):
        assert "meter-two" in (await anna.get(f"{path}?order={order}")).text
    await anna.post(f"{path}/sign")
    assert "Try all" in (await anna.get(path)).text, "open steps keep it from being signed"
    tried = await anna.post(f"{path}/devices/meter-two/attempt", headers={"HX-Request": "true"})
    assert tried.status_code == 200 and "21.5 °C" in tried.text and "asked: on, off" in tried.text
    assert "<html" not in tried.text, "only the part that changes"
    steps = (await site.house.papers.walks.walk(path.rpartition("/")[2]))[0].steps
    for number in range(len(steps)):
        answer = await anna.post(f"{path}/steps/{number}", data={"outcome": "passed", "note": "seen <it>"})
        assert answer.status_code == 303
    assert "seen &lt;it&gt;" in (await anna.get(path)).text
    assert (await anna.post(f"{path}/sign")).headers["location"] == path
    assert "Certificate" in (await anna.get(path)).text and "Try all" not in (await anna.get(path)).text
    note = (await anna.get(f"/api/v1{path}/certificate")).text
    key = SigningKey.load_or_make(site.folder / "pki" / "audit.key")
    certificate = opened(note, key.public, key.verified)
    assert certificate.room == AREA and {check.note for check in certificate.checks} == {"seen <it>"}
    late = await anna.post(f"{path}/steps/0", data={"outcome": "failed"}, headers={"HX-Request": "true"})
    assert "this walk is signed" in late.text
    assert (await anna.post("/walks", data={"repeat": path.rpartition("/")[2]})).headers["location"] != path
    overview = (await anna.get("/walks")).text
    assert "Under way" in overview and overview.count("/walks/0") == 2


async def test_the_report_carries_the_pictures(site: Site, anna: Browser) -> None:
    path = (await anna.post("/walks", data={"area": AREA})).headers["location"]
    steps = (await site.house.papers.walks.walk(path.rpartition("/")[2]))[0].steps
    for number in range(len(steps)):
        await anna.post(f"{path}/steps/{number}", data={"outcome": "skipped", "note": "locked"})
    early = await anna.post(f"{path}/report")
    assert early.status_code == 409
    await anna.post(f"{path}/sign")
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(picture, "PNG")
    files = {"pictures": ("fuse box.png", picture.getvalue(), "image/png")}
    report = await anna.post(f"{path}/report", files=files)
    assert report.headers["content-type"] == "application/pdf" and "fuse box" in text_of(report.content)
    assert text_of((await anna.post(f"{path}/report")).content)


async def test_nobody_walks_where_they_have_no_rights(site: Site, anna: Browser) -> None:
    path = (await anna.post("/walks", data={"area": AREA})).headers["location"]
    other = await site.program(Role.TECHNICIAN, areas=frozenset({"Kelder"}))
    assert (await other.get(path)).status_code == 403
    assert (await other.post("/walks", data={"area": AREA})).status_code == 403
    assert (await other.post("/open-area", data={"area": AREA, "open": "1"})).status_code == 403
    assert path not in (await other.get("/walks")).text
    viewer = await site.program(Role.VIEWER)
    assert (await viewer.get("/walks")).status_code == 403
    assert (await anna.post(f"{path}/drop")).headers["location"] == "/walks"
    assert (await anna.get(path)).status_code == 404


async def test_the_label_of_a_board_takes_it_into_use_once(site: Site, anna: Browser) -> None:
    node = "e661410403020100"
    key, anyone = await site.node(node), site.browser()
    png = (await anna.get(f"/api/v1/nodes/{node}/label?tape=zebra-50x25")).content
    (address,) = codes_of(Image.open(io.BytesIO(png)))
    path, _, code = address.partition("#")
    assert path.endswith(f"/n/{node}") and code.startswith(f"SLUIS1:{node.upper()}:")
    assert (await anyone.get(f"/n/{node}")).headers["location"] == "/sign-in?next=/nodes/adopt"
    assert (await anna.get(f"/n/{node}")).headers["location"] == "/nodes/adopt"
    assert "Set-up code" in (await anna.get("/nodes/adopt")).text
    misread = code[:-1] + ("1" if code.endswith("0") else "0")
    told = {"setup_code": misread, "name": "Attic", "area": AREA}
    wrong = await anna.post("/nodes/adopt", data=told)
    assert wrong.status_code == 422 and "something was misread" in wrong.text and 'value="Attic"' in wrong.text
    untested = await anna.post("/nodes/adopt", data=told | {"setup_code": code})
    assert untested.status_code == 403 and "without a passed test" in untested.text
    done = await anna.post("/nodes/adopt", data=told | {"setup_code": code, "reason": "a trial"})
    assert done.headers["location"] == f"/devices/{key}"
    assert (await anyone.get(f"/n/{node}")).headers["location"] == f"/d/{key}"
    again = await anna.post("/nodes/adopt", data=told | {"setup_code": code, "reason": "a trial"})
    assert again.status_code == 403 and "no longer valid" in again.text
    assert (await anna.get(f"/api/v1/nodes/{node}/label")).status_code == 403, "a used code is on no label"
