"""The bench over the API and on its page: boards in memory behind real ports, everything else real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sluis.app.bench import Bench
from sluis.app.bench_keys import Keys
from sluis.app.bench_stock import Stock
from sluis.app.supply import Supply
from sluis.model import BoardChanged, Role
from sluis.model.commands import SYSTEM
from sluis.panel.bench import KEEP, Wish
from sluis_provision.enrol import Enrolment
from tests.conftest import eventually
from tests.panel.conftest import Browser, Site
from tests.provision.flash.pretend import Board
from tests.provision.flash.tray import Tray
from tests.provision.papers.conftest import text_of

FIRST, SECOND = "7cdfa1000001", "7cdfa1000002"


@pytest.fixture
def tray() -> Iterator[Tray]:
    made = Tray()
    yield made
    made.pull_all()


Made = Callable[..., Bench]


@pytest.fixture
def made(site: Site, tray: Tray) -> Made:
    """A bench of the site; again and again, as after a restart."""

    def make(*, keys: bool = False, **more: Any) -> Bench:
        supply, nodes = site.house.supply, site.house.nodes
        assert isinstance(supply, Supply)
        assert isinstance(nodes, Enrolment)
        bench = Bench(
            site.folder / "provision",
            Stock(site.folder / "images", supply, site.clock),
            Keys(nodes, site.clock) if keys else None,
            site.audit,
            site.bus,
            site.clock,
            usb=tray.usb,
            flashers=tray.flasher,
            files_by=tray.flasher,
            patience_s=0.0,
            **more,
        )
        site.app.state.house = site.house = replace(site.house, bench=bench)
        return bench

    return make


@pytest.fixture
async def bench(made: Made) -> AsyncIterator[Bench]:
    bench = made(keys=True)
    running = asyncio.ensure_future(bench.run())
    await asyncio.sleep(0)
    yield bench
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def wish(*ports: str, **more: Any) -> dict[str, Any]:
    return {"ports": list(ports), "profile": "esp32-c3", "image": KEEP, "key": False, **more}


async def ended(client: Browser) -> dict[str, Any]:
    async def over() -> bool:
        run = (await client.get("/api/v1/bench")).json()
        return bool(run and run["ended_at_us"])

    await eventually(over, 20.0)
    return dict((await client.get("/api/v1/bench")).json())


async def test_boards_are_found_and_asked(tray: Tray, bench: Bench, admin: Browser) -> None:
    port = tray.plug(Board(FIRST))
    [found] = (await admin.get("/api/v1/bench/sockets")).json()
    assert (found["port"], found["family"], found["asked"]) == (port, "esp", False)
    [told] = (await admin.post("/api/v1/bench/look", json={"ports": [port]})).json()
    assert (told["chip"], told["id"], told["revision"], told["flash_bytes"]) == ("esp32c3", FIRST, "v0.4", 4 << 20)
    assert (await admin.get("/api/v1/bench/sockets")).json() == [told], "what it said is remembered"
    [none] = (await admin.post("/api/v1/bench/look", json={"ports": ["/etc/passwd"]})).json()
    assert "neither a serial port nor" in none["unusable"]


async def test_the_port_of_a_link_is_left_alone(tray: Tray, made: Made, admin: Browser) -> None:
    port = tray.plug(Board(FIRST))
    made(taken=lambda: {port: "rs485"})
    [found] = (await admin.get("/api/v1/bench/sockets")).json()
    assert found["unusable"] == "the link rs485 has this port"
    answer = await admin.post("/api/v1/bench", json=wish(port))
    assert answer.json()["code"] == "provision.port"
    assert tray.boards[port].acted == 0


async def test_choices_name_boards_images_and_firmware(bench: Bench, admin: Browser) -> None:
    found = (await admin.get("/api/v1/bench/choices")).json()
    assert "esp32-c3" in [one["key"] for one in found["profiles"]]
    assert {one["state"] for one in found["images"]} == {"missing"}
    assert found["firmwares"][0]["key"] == "ours"
    missing = await admin.post("/api/v1/bench", json=wish("/dev/null", image=""))
    assert missing.json()["code"] == "provision.image-missing"
    for image in ("/etc/passwd", "nothing"):
        answer = await admin.post("/api/v1/bench", json=wish("/dev/null", image=image))
        assert answer.json()["code"] == "provision.wrong-image"


async def test_a_tray_is_written_and_reported(site: Site, tray: Tray, bench: Bench, admin: Browser) -> None:
    heard = site.bus.subscribe("test", BoardChanged)
    good, other = tray.plug(Board(FIRST)), tray.plug(Board(SECOND, chip="esp32s3"))
    begun = await admin.post("/api/v1/bench", json=wish(good, other))
    assert begun.status_code == 202, begun.text
    run = await ended(admin)
    by_port = {one["port"]: one for one in run["boards"]}
    assert (by_port[good]["step"], by_port[good]["id"]) == ("done", FIRST)
    assert (by_port[other]["step"], by_port[other]["code"]) == ("failed", "provision.wrong-chip")
    assert tray.boards[other].wrote == []
    held = tray.boards[good].held
    assert {"/boot.py", "/main.py", "/id.json"} <= set(held)
    report = (await admin.get("/api/v1/bench/report")).json()
    assert (report["done"], report["failed"], report["by"]) == (1, 1, run["by"])
    paper = text_of((await admin.get("/api/v1/bench/report.pdf?language=en")).content)
    assert FIRST in paper and "1 done, 1 failed" in paper

    async def recorded() -> bool:
        actions = {one.action for one in await site.audit.entries(10)}
        return {"bench.begin", "board.done", "board.failed"} <= actions

    await eventually(recorded)
    steps = {event.step for event in await heard.take() if isinstance(event, BoardChanged)}
    heard.close()
    assert {"writing", "done", "failed", "ended"} <= steps
    assert (await admin.delete("/api/v1/bench")).status_code == 204
    assert (await admin.get("/api/v1/bench")).json() is None
    assert (await admin.get("/api/v1/bench/report")).json()["code"] == "provision.no-run"


async def test_stopping_says_where_each_board_was_left(tray: Tray, bench: Bench, admin: Browser) -> None:
    board = Board(FIRST, hang=asyncio.Event())
    port = tray.plug(board)
    await admin.post("/api/v1/bench", json=wish(port))

    async def writing() -> bool:
        return any(one["step"] == "writing" for one in (await admin.get("/api/v1/bench")).json()["boards"])

    await eventually(writing)
    for verb, path in (("POST", ""), ("DELETE", "")):
        answer = await admin.request(verb, f"/api/v1/bench{path}", json=wish(port) if verb == "POST" else None)
        assert answer.json()["code"] == "provision.busy"
    [left] = (await admin.post("/api/v1/bench/stop")).json()["boards"]
    assert (left["step"], left["failed_at"], left["code"]) == ("failed", "writing", "provision.stopped")
    assert (await admin.post("/api/v1/bench/stop")).json()["code"] == "provision.no-run"
    board.hang.set()  # type: ignore[union-attr]
    await admin.post("/api/v1/bench", json=wish(port))
    assert [one["step"] for one in (await ended(admin))["boards"]] == ["done"]


async def test_a_restart_in_the_middle_ends_in_a_clear_state(
    site: Site, tray: Tray, made: Made, admin: Browser
) -> None:
    port = tray.plug(Board(FIRST, hang=asyncio.Event()))
    first = made()
    running = asyncio.ensure_future(first.run())
    await asyncio.sleep(0)
    await first.begin(Wish((port,), "esp32-c3", KEEP, key=False), SYSTEM)
    await eventually(lambda: any(one.step == "writing" for one in (first.latest() or run_missing()).boards))
    kept = (site.folder / "provision" / "bench.json").read_bytes()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (site.folder / "provision" / "bench.json").write_bytes(kept)  # as a power cut leaves it
    made()
    run = (await admin.get("/api/v1/bench")).json()
    [board] = run["boards"]
    assert run["ended_at_us"]
    assert (board["step"], board["failed_at"], board["code"]) == ("failed", "writing", "provision.stopped")
    assert "restarted" in board["said"] and "Again" in board["next"]
    assert (await admin.get("/api/v1/bench/report")).json()["failed"] == 1
    assert text_of((await admin.get("/api/v1/bench/report.pdf")).content)


def run_missing() -> Any:
    raise AssertionError("there is no run")


async def test_only_what_has_proven_itself_gets_a_place(site: Site, made: Made, admin: Browser) -> None:
    made(keys=True)
    node = "7cdfa1000003"
    await site.node(node)
    told = {"node": node, "name": "Zolder", "area": "Hal", "asset_number": "A-7"}
    refused = await admin.post("/api/v1/bench/place", json=told)
    assert refused.json()["code"] == "provision.not-proven"
    site.nodes.answers[node, "test"] = {
        "ok": True,
        "findings": [{"part": "attic", "ok": True, "values": {"attic": 20.5}}],
    }
    assert (await admin.post(f"/api/v1/nodes/{node}/test")).json()["state"] == "proven"
    placed = (await admin.post("/api/v1/bench/place", json=told)).json()
    assert (placed["name"], placed["area"], placed["asset_number"]) == ("Zolder", "Hal", "A-7")


async def test_who_holds_rights_in_one_area_has_no_bench(site: Site, bench: Bench) -> None:
    some = await site.program(Role.TECHNICIAN, areas=frozenset({"Hal"}))
    for path in ("", "/sockets", "/choices", "/report"):
        assert (await some.get(f"/api/v1/bench{path}")).status_code == 403


@pytest.fixture
async def person(site: Site) -> Browser:
    """A technician's browser."""
    await site.user("tess", Role.TECHNICIAN)
    browser = site.browser()
    await browser.sign_in("tess")
    return browser


async def test_the_page_says_which_pin_fails_and_tests_again(
    site: Site, tray: Tray, bench: Bench, admin: Browser, person: Browser
) -> None:
    node = "7cdfa1000009"
    await site.node(node)
    await admin.post("/api/v1/bench", json=wish(tray.plug(Board(node))))
    await ended(admin)
    finding = {"part": "pump", "pin": "GPIO16", "ok": False, "said": "no current", "check": "Look at its fuse."}
    site.nodes.answers[node, "test"] = {"ok": True, "findings": [finding]}
    answer = await person.post("/bench/test", data={"node": node})
    assert answer.status_code == 303
    shown = (await person.get("/bench?language=en", headers={"Accept-Language": "en"})).text
    assert "GPIO16" in shown and "Look at its fuse." in shown
    assert "/bench/place" not in shown
    site.nodes.answers[node, "test"] = {"ok": True, "findings": [finding | {"ok": True, "values": {"pump": True}}]}
    await person.post("/bench/test", data={"node": node})
    shown = (await person.get("/bench")).text
    assert "GPIO16" not in shown and "/bench/place" in shown
    placed = {"node": node, "name": "Pomp", "area": "Kelder"}
    await person.post("/bench/place", data=placed)
    device = site.register.device(f"sluis-node-{node}")
    assert (device.name, device.area) == ("Pomp", "Kelder")
    shown = (await person.get("/bench")).text
    assert f"/api/v1/labels?device={device.key}" in shown and "/bench/place" not in shown
    assert (await person.post("/bench/away")).status_code == 303
    assert 'id="tray"' in (await person.get("/bench")).text


async def test_a_wrong_wish_keeps_what_was_chosen(tray: Tray, bench: Bench, person: Browser) -> None:
    port = tray.plug(Board(FIRST))
    told = {"ports": [port], "profile": "esp32-s3", "image": "", "firmware": "ours", "erase": "true"}
    answer = await person.post("/bench", data=told)
    assert answer.status_code == 409
    assert "sluis bundle import" in answer.text
    assert 'value="esp32-s3" selected' in answer.text
    assert 'name="erase" value="true" checked' in answer.text
    assert 'name="key" value="true" checked' not in answer.text


async def test_who_may_not_sees_no_bench(site: Site, bench: Bench) -> None:
    await site.user("piet", Role.OPERATOR)
    browser = site.browser()
    await browser.sign_in("piet")
    assert (await browser.get("/bench")).status_code == 403
    assert "/bench" not in (await browser.get("/more")).text
