"""Every page, in a real browser: accessible, inside its width, of our own making only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.panel.browser.conftest import Opens, Server

PAGES = (
    "/",
    "/areas",
    "/areas/Lokaal%201.4",
    "/areas/Aula",
    "/find?q=digibord",
    "/devices/school-kl01",
    "/devices/school-kl02-verw?edit=1",
    "/devices/school-entree-lamp",
    "/devices/school-aula-beamer",
    "/devices/school-kl01/points/temperature/why",
    "/devices/school-kl01/card",
    "/devices/school-kl01/card?language=en&edit=1",
    "/walks",
    "/bench",
    "/devices/sluis-node-e661410403020100",
    "/devices/sluis-node-e661410403020100/node",
    "/nodes/faults",
    "/rollouts",
    "/rollouts/0a1b2c3d4e5f",
    "/drivers/school",
    "/drivers/ketel.py",
    "/discovered",
    "/devices/school-a4c1380f0021",
    "/discovered?show=ignored",
    "/discovered/add",
    "/nodes/adopt",
    "/discovered/add?driver=lijn",
    "/discovered/add?driver=knx-points",
    "/alerts",
    "/alerts?show=taken",
    "/alerts?show=history",
    "/rules",
    "/rules/new",
    "/rules/co2-hoog",
    "/rules/device-offline",
    "/people",
    "/people/piet",
    "/account",
    "/system",
    "/system/links/mqtt",
    "/system/links/ble",
    "/audit?check=1",
    "/more",
    "/help",
    "/devices/there-is-none",
)
STRANGERS_PAGES = ("/sign-in", "/help")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

AXE = "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"


@pytest.fixture(scope="session")
def axe(built: Path) -> str:
    return (built / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(AXE)["violations"]
    return [f"{one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}" for one in found]


@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible_and_holds_its_layout(
    path: str, server: Server, visit: Opens, session: Any, axe: str
) -> None:
    """No axe violation in light and dark, on phone and desktop; nothing wider than a phone of 320 px; no errors."""
    problems: list[str] = []
    one = visit(server, storage_state=session)
    page = one.go(path)
    page.wait_for_selector("html[data-script=yes]", state="attached")
    if page.locator("line-chart").count():
        page.wait_for_selector("line-chart canvas")
    for width, height in ((390, 844), (1280, 860)):
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            problems += [f"{width} {theme}: {found}" for found in violations(page, axe)]
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []
    assert [said for said in one.wrong if "404" not in said] == []
    assert [url for url in one.asked if not url.startswith((server.url, "data:"))] == []


def test_a_walk_is_accessible_and_done_on_a_phone(server: Server, visit: Opens, session: Any, axe: str) -> None:
    one = visit(server, "phone", storage_state=session)
    page = one.go("/areas/Aula")
    page.click("#papers form[action='/walks'] button")
    page.wait_for_url("**/walks/*")
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.click("#step-0 summary")
    page.fill("#note-0", "in de kast")
    page.click("#step-0 button[value=skipped]")
    page.wait_for_selector("#step-0 >> text=in de kast")
    assert violations(page, axe) == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("form[action$='/drop'] button")
    page.wait_for_url("**/walks")
    assert one.wrong == []


def test_a_node_gets_another_part_on_a_phone(own_server: Any, visit: Opens, axe: str) -> None:
    """Added, its pin missing, then taken by another, then right; sent, on trial, kept."""
    one = visit(own_server(), "phone").sign_in()
    page = one.go("/devices/sluis-node-e661410403020100")
    page.click("main a[href$='/node']")
    page.select_option("#add-kind", "reed")
    page.fill("#add-key", "luik")
    page.click("main button[value=add]")
    page.wait_for_selector("#f-parts-luik-pin[aria-invalid=true]")
    page.select_option("#f-parts-luik-pin", "16")
    page.focus("#f-parts-luik-name")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=gebruikt pin 16, die al van parts.luik.pin is")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.select_option("#f-parts-luik-pin", "17")
    page.click("main button[value=send]")
    page.wait_for_selector("text=/Op proef|Behouden/")
    assert violations(page, axe) == []
    page.wait_for_selector("text=Behouden: hij kwam ermee terug", timeout=30_000)
    assert page.input_value("#f-parts-luik-pin") == "17"
    assert violations(page, axe) == []
    assert [said for said in one.wrong if "422" not in said] == []


@pytest.mark.parametrize("language", ["nl-NL", "en-GB"])
def test_a_tray_is_flashed_on_a_phone(own_server: Any, visit: Opens, axe: str, language: str) -> None:
    """Boards are asked and written; the page shows it without being loaded again, and afterwards as it was."""
    one = visit(own_server(), "phone", locale=language).sign_in()
    page = one.page
    page.set_viewport_size({"width": 375, "height": 720})
    one.go("/more")
    page.click("main a[href='/bench']")
    page.wait_for_selector("#tray")
    assert page.locator("input[name=ports]").count() == 3
    page.click("[formaction='/bench/look']")
    page.wait_for_selector("text=7cdfa1000001")
    page.select_option("#profile", "esp32-c3")
    page.select_option("#image", "keep")
    page.uncheck("input[name=key]")
    assert violations(page, axe) == []
    page.click("button[form=tray]")
    page.wait_for_url("**/bench")
    page.wait_for_selector("form[action='/bench/away']")
    assert page.locator("section.card-alarm").count() == 1, "the one with another chip"
    assert page.locator("main .badge.state-ok").count() == 2
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.reload()
    page.wait_for_selector("html[data-script=yes]", state="attached")
    page.focus("form[action='/bench/again'] button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("form[action='/bench/away']")
    assert page.locator("main .badge.state-ok").count() == 2, "the others of the tray stay"
    page.click("form[action='/bench/away'] button")
    page.wait_for_selector("#tray")
    assert [said for said in one.wrong if "409" not in said] == []


@pytest.mark.parametrize("path", STRANGERS_PAGES)
def test_pages_before_signing_in_are_accessible(path: str, server: Server, visit: Opens, axe: str) -> None:
    for theme in ("light", "dark"):
        page = visit(server, "phone", theme).go(path)
        assert violations(page, axe) == []


def test_set_up_makes_the_first_admin(own_server: Any, visit: Opens, axe: str) -> None:
    server = own_server("--empty")
    one = visit(server)
    page = one.go("/")
    assert page.url == server.url + "/set-up"
    assert violations(page, axe) == []
    page.fill("#code", "WRONG-CODE")
    page.fill("#name", "anna")
    page.fill("#password", "four random words here")
    page.click("main form button")
    assert "installatiecode klopt niet" in page.inner_text("[role=alert]")
    assert page.input_value("#name") == "anna"
    page.fill("#code", server.code)
    page.fill("#password", "four random words here")
    page.click("main form button")
    page.wait_for_url(server.url + "/")
    assert "Kanaalschool" in page.inner_text("header")


CONTRAST = """(canvas) => {
  const channel = (v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (r, g, b) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const card = getComputedStyle(canvas.closest('.card')).backgroundColor.match(/\\d+/g).map(Number);
  const back = light(...card);
  const best = (x, width) => {
    const data = canvas.getContext('2d').getImageData(x, 0, width, canvas.height).data;
    let most = 1;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 250) continue;
      const front = light(data[i], data[i + 1], data[i + 2]);
      most = Math.max(most, (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05));
    }
    return most;
  };
  const edge = Math.round(54 * devicePixelRatio);
  return { axis: best(0, edge - 4), line: best(edge + 4, canvas.width - edge - 4) };
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_can_be_read(theme: str, server: Server, visit: Opens, session: Any) -> None:
    """axe cannot look into a canvas: its pixels must stand out from the card behind them."""
    one = visit(server, "desktop", theme, storage_state=session)
    page = one.go("/devices/school-kl01")
    canvas = page.wait_for_selector("line-chart canvas")
    assert canvas is not None
    found = canvas.evaluate(CONTRAST)
    assert found["axis"] >= 4.5
    assert found["line"] >= 3
    assert "Laagste" in page.inner_text("line-chart")
    page.click("line-chart summary")
    assert page.locator("line-chart tbody tr").count() > 20


def test_first_load_is_small(server: Server, visit: Opens, session: Any) -> None:
    """At most 60 KB on the wire and 8 requests, stream aside."""
    one = visit(server, storage_state=session)
    wire: dict[str, float] = {}
    paths: dict[str, str] = {}
    tap = one.context.new_cdp_session(one.page)
    tap.send("Network.enable")
    tap.on("Network.requestWillBeSent", lambda said: paths.update({said["requestId"]: said["request"]["url"]}))
    tap.on("Network.loadingFinished", lambda said: wire.update({said["requestId"]: said["encodedDataLength"]}))
    one.go("/")
    one.live()
    asked = [url for url in paths.values() if "/api/v1/stream" not in url and not url.startswith("data:")]
    assert len(asked) <= 8
    total = sum(wire.values())
    print(f"first load: {len(asked)} requests, {total / 1000:.1f} kB")  # noqa: T201
    assert 20_000 < total <= 60_000


def test_two_paths_to_one_lamp_are_proposed(server: Server, visit: Opens, session: Any) -> None:
    page = visit(server, storage_state=session).go("/devices/school-a4c1380f0021")
    assert page.locator("section[aria-labelledby=paths-title] form button").count() == 1
