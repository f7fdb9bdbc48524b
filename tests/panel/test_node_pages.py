"""Why updates of nodes went back: asked for when a node comes, kept, grouped, shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sluis.app.node_pages import Pages
from sluis.model import Presence, Role
from sluis.model.commands import SYSTEM
from sluis.model.readings import Availability
from tests.panel.conftest import Browser, Site

Eventually = Callable[..., Awaitable[None]]

NODES = ("e661410403020100", "e661410403020101", "e661410403020102")
TRACE = 'Traceback (most recent call last):\n  File "/b/sluis_node/app.py", line {line}, in run\nMemoryError: {size} B'


def crashed(**more: Any) -> dict[str, Any]:
    told = {"slot": "b", "version": "0.2.0", "sequence": 12, "reset_cause": "watchdog", "lines": [], "traceback": ""}
    return {"ok": True, "page": told | more}


@pytest.fixture
async def site_of_nodes(site: Site) -> Site:
    """Three nodes; two have the same fault at other lines, the third another."""
    for number, node in enumerate(NODES):
        key = await site.node(node)
        await site.register.adopt(key, name=f"Node {number}", area="Hal", actor=SYSTEM)
    site.nodes.answers[NODES[0], "page"] = crashed(traceback=TRACE.format(line=12, size=4096))
    site.nodes.answers[NODES[1], "page"] = crashed(traceback=TRACE.format(line=14, size=8192))
    site.nodes.answers[NODES[2], "page"] = crashed(lines=["[1] connected (70000 B free)", "[9] stuck (512 B free)"])
    return site


async def test_each_node_says_why_and_the_same_stand_together(site_of_nodes: Site, admin: Browser) -> None:
    for node in reversed(NODES):
        told = (await admin.get(f"/api/v1/nodes/{node}/page")).json()
        assert told["heard"] and told["page"]["version"] == "0.2.0"
    first, second = (await admin.get("/api/v1/node-pages")).json()
    assert (first["nodes"], second["nodes"]) == ([NODES[0], NODES[1]], [NODES[2]])
    assert second["page"]["lines"][-1] == "[9] stuck (512 B free)"
    site_of_nodes.nodes.answers.clear()
    told = (await admin.get(f"/api/v1/nodes/{NODES[0]}/page")).json()
    assert not told["heard"] and told["page"]["print"] == first["print"], "what was kept"


async def test_pages_outlive_the_gateway_and_go_with_the_fault(site_of_nodes: Site, admin: Browser) -> None:
    for node in NODES:
        await admin.get(f"/api/v1/nodes/{node}/page")
    site, file = site_of_nodes, site_of_nodes.folder / "provision" / "node-pages.json"
    pages = Pages(site.register, site.nodes, site.bus, site.clock, file)
    held = site.house.node_pages
    assert held is not None and pages.groups() == held.groups()
    seen_us = pages.groups()[0][0].seen_us
    await site.clock.advance(60)
    again = await pages.ask(NODES[0])
    assert again is not None and again.seen_us == seen_us, "the same page is the same page"
    site.nodes.answers[NODES[0], "page"] = {"ok": True, "page": None}
    assert await pages.ask(NODES[0]) is None
    assert [len(them) for them in pages.groups()] == [1, 1]
    file.write_text('{"x": 1}')
    assert Pages(site.register, site.nodes, site.bus, site.clock, file).groups() == []


@pytest.mark.parametrize("told", [{}, {"lines": "x", "traceback": 7, "sequence": -1}, {"lines": [None] * 500}])
async def test_nonsense_is_a_page_as_well(site_of_nodes: Site, admin: Browser, told: dict[str, Any]) -> None:
    site_of_nodes.nodes.answers[NODES[0], "page"] = {"ok": True, "page": told}
    answer = await admin.get(f"/api/v1/nodes/{NODES[0]}/page")
    assert answer.status_code == 200 and len(answer.json()["page"]["lines"]) <= 60


async def test_a_node_that_comes_is_asked(site_of_nodes: Site, eventually: Eventually) -> None:
    site = site_of_nodes
    pages: Any = site.house.node_pages
    task = asyncio.ensure_future(pages.run())
    await site.quiet()
    try:
        for key in (f"sluis-node-{NODES[2]}", "meter-one"):
            twin = site.register.twin(key)
            for presence in (Presence(Availability.OFFLINE), Presence(Availability.ONLINE)):
                event = twin.presence(presence, site.stamp())
                site.bus.publish_batch([event] if event else [])
        await eventually(lambda: pages.of(NODES[2]) is not None)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_panel_shows_it(site_of_nodes: Site, admin: Browser) -> None:
    site = site_of_nodes
    await site.user("tess", Role.TECHNICIAN)
    tess = site.browser()
    await tess.sign_in("tess")
    tess.headers["Accept-Language"] = "en"
    assert "/nodes/faults" not in (await tess.get("/system")).text
    assert "No update has gone back" in (await tess.get("/nodes/faults")).text
    for node in NODES:
        await admin.get(f"/api/v1/nodes/{node}/page")
    assert "/nodes/faults" in (await tess.get("/system")).text
    shown = (await tess.get("/nodes/faults")).text
    assert "MemoryError: 4096 B" in shown and "Node 1" in shown and "2 nodes" in shown
    device = (await tess.get(f"/devices/sluis-node-{NODES[0]}")).text
    assert "Its last update went back (0.2.0)" in device and "1 other node has the same" in device
    await site.user("piet", Role.OPERATOR)
    piet = site.browser()
    await piet.sign_in("piet")
    assert (await piet.get("/nodes/faults")).status_code == 403
    assert "0.2.0" not in (await piet.get(f"/devices/sluis-node-{NODES[0]}")).text
