"""A release for a node, from its page: offered, refused by the node, undone; and for whom it is no business."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sluis.app.node_updates import NodeUpdates
from sluis.links.mqtt import MqttLink
from sluis.links.settings import MqttSettings
from sluis.model import BundleError, Role
from sluis.model.nodes import NodeUpdate
from tests.panel.conftest import Browser, NodeLine, Site

PICO = "e661410403020100"


@pytest.fixture
async def key(site: Site) -> str:
    """A node in use, at a gateway that has no release yet."""

    async def none(name: str) -> Any:
        raise BundleError(f"there is no bundle {name!r}")

    link = MqttLink(MqttSettings(port=1), site.clock)
    updates = NodeUpdates(link, NodeLine(), none, site.audit, site.clock, site.folder / "node-updates.json")
    site.app.state.house = replace(site.house, node_updates=updates)
    return await site.node(PICO, adopt=True)


async def test_what_is_not_imported_is_not_offered(site: Site, admin: Browser, key: str) -> None:
    refused = await admin.post(f"/api/v1/nodes/{PICO}/update", json={"bundle": "any-1-1.sluis"})
    assert refused.status_code == 409 and "there is no bundle" in refused.json()["title"]
    assert (await admin.get(f"/api/v1/nodes/{PICO}/update")).json() is None
    assert not (site.folder / "node-updates.json").exists()


async def test_what_a_node_says_is_shown(site: Site, admin: Browser, key: str) -> None:
    updates = site.app.state.house.node_updates
    updates._told[PICO] = NodeUpdate("b", "0.2.0", 12, 12, phase="fetching", to=13, percent=40)
    told = (await admin.get(f"/api/v1/nodes/{PICO}/update")).json()
    assert (told["sequence"], told["phase"], told["percent"], told["to"]) == (12, "fetching", 40, 13)


async def test_from_the_page_a_refusal_comes_back_as_a_sentence(site: Site, key: str) -> None:
    await site.user("tech", Role.TECHNICIAN)
    tech = site.browser()
    tech.headers["Accept-Language"] = "en"
    await tech.sign_in("tech")
    answer = await tech.post(f"/devices/{key}/update", data={"bundle": "any-1-1.sluis"})
    assert answer.headers["location"].startswith(f"/devices/{key}")
    assert "there is no bundle" in (await tech.get(answer.headers["location"])).text
    assert (await tech.post("/devices/meter-two/update", data={"bundle": "x"})).status_code == 404
    await site.user("anna", Role.OPERATOR)
    operator = site.browser()
    await operator.sign_in("anna")
    assert (await operator.post(f"/devices/{key}/update/undo")).status_code == 403
