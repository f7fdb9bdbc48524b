"""The gateway's own update over the API, where nothing can be updated: what who may see and do."""

from __future__ import annotations

import pytest

from sluis.model import Role
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
