"""The pictures in the documentation are taken here, so that they show what the panel is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser.conftest import ROOT, Opens, Server

SHOTS = (
    ("home-phone-light", "/", "phone", "light"),
    ("home-phone-dark", "/", "phone", "dark"),
    ("home-tablet-light", "/", "tablet", "light"),
    ("home-tablet-dark", "/", "tablet", "dark"),
    ("home-kiosk-light", "/?density=kiosk", "desktop", "light"),
    ("home-kiosk-dark", "/?density=kiosk", "desktop", "dark"),
    ("area-phone-dark", "/areas/Lokaal%200.1", "phone", "dark"),
    ("area-desktop-light", "/areas/Aula", "desktop", "light"),
    ("device-desktop-light", "/devices/school-kl01", "desktop", "light"),
    ("device-phone-dark", "/devices/school-kl02-verw", "phone", "dark"),
    ("discovered-phone-light", "/discovered", "phone", "light"),
    ("alerts-desktop-light", "/alerts", "desktop", "light"),
    ("system-desktop-light", "/system", "desktop", "light"),
    ("link-desktop-light", "/system/links/ble", "desktop", "light"),
)


@pytest.mark.parametrize(("name", "path", "size", "theme"), SHOTS, ids=[shot[0] for shot in SHOTS])
def test_picture(
    name: str, path: str, size: str, theme: str, server: Server, visit: Opens, session: Any, tmp_path: Path
) -> None:
    """Kept in docs/screenshots when there is none yet, or when SLUIS_SCREENSHOTS asks for new ones."""
    one = visit(server, size, theme, storage_state=session)
    page = one.go(path)
    one.live()
    if page.locator("line-chart").count():
        page.wait_for_selector("line-chart canvas")
    taken = page.screenshot(path=tmp_path / "picture.png", animations="disabled")
    assert len(taken) > 15_000
    kept = ROOT / "docs" / "screenshots" / f"{name}.png"
    if os.environ.get("SLUIS_SCREENSHOTS") or not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(taken)
