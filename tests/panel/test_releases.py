"""The gateway's own update over the API, where nothing can be updated: what who may see and do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sluis.app.gate import Gate
from sluis.app.releases import Releases
from sluis.app.supply import Supply
from sluis.model import Role
from sluis.sdk import Registry
from sluis_provision.gateway.settings import UpdateSettings
from sluis_provision.supply.settings import SupplySettings
from tests.panel.conftest import Browser, Site


@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 403), (Role.TECHNICIAN, 403), (Role.ADMIN, 409)])
async def test_only_an_admin_changes_the_gateway(site: Site, role: Role, status: int) -> None:
    person = await site.program(role)
    answer = await person.post("/api/v1/update/undo", json={"reason": "it is slow"})
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["code"] == "update.not-installed"


async def test_going_back_wants_a_reason(admin: Browser) -> None:
    assert (await admin.post("/api/v1/update/undo", json={"reason": ""})).status_code == 422


async def test_a_checkout_says_that_it_is_none(admin: Browser) -> None:
    told = (await admin.get("/api/v1/update")).json()
    assert (told["possible"], told["step"], told["releases"]) == (False, "settled", [])


@pytest.mark.parametrize(("language", "said"), [("en", "went back by itself"), ("nl", "is vanzelf teruggegaan")])
async def test_the_page_says_what_became_of_an_update(site: Site, tmp_path: Path, language: str, said: str) -> None:
    last = {"from": "1.0.0-1", "to": "1.1.0-2", "by": "ann", "reason": "", "at": 1.0, "began": 2.0, "ended": 3.0}
    journal = {"step": "settled", "last": last | {"outcome": "returned", "why": "the moon is down", "exchanged": True}}
    (tmp_path / "journal.json").write_text(json.dumps(journal | {"previous": "0.9.0-0"}))
    told = {"SLUIS_LAUNCH": "launch", "SLUIS_RELEASES": str(tmp_path), "SLUIS_RELEASE": "1.0.0-1"}
    supply, gate = (
        Supply(tmp_path, SupplySettings(), site.audit, site.clock),
        Gate({}, Registry(), site.house.system.readiness),
    )
    releases = Releases(UpdateSettings(), supply, site.audit, site.clock, site.database.path, gate, told)
    site.app.state.house = replace(site.house, releases=releases)
    await site.user("ann", Role.ADMIN)
    person = site.browser()
    assert (await person.sign_in("ann")).status_code < 400
    page = (await person.get("/system", headers={"Accept-Language": language})).text
    assert said in page and "the moon is down" in page and "0.9.0-0" in page
