"""A page that lists 2,000 devices stays quick."""

from __future__ import annotations

import time

import pytest

from sluis.model import Role
from tests.panel.conftest import Site

BUDGET_S = 0.3
"""Processor time of a page. The best of three counts; other work on the machine is not the page's."""


@pytest.mark.parametrize("path", ["/", "/areas", "/find?q=meter"])
async def test_two_thousand_devices(path: str, site: Site) -> None:
    for number in range(2_000):
        key = await site.device(f"many-{number}", f"Meter {number}", f"Ruimte {number % 100}")
        site.say(key, "temperature", 20.5)
    await site.user("anna", Role.ADMIN)
    browser = site.browser()
    await browser.sign_in("anna")
    spent: list[float] = []
    for _ in range(3):
        began = time.process_time()
        answer = await browser.get(path)
        spent.append(time.process_time() - began)
        assert answer.status_code == 200
        assert "Meter" in answer.text or "Ruimte" in answer.text
    assert min(spent) < BUDGET_S
