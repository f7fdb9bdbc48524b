"""What moves: live values, commands, losing the gateway, undo, keys, and all of it without scripts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.panel.browser.conftest import Opens, Server


def test_values_move_by_themselves(server: Server, visit: Opens, session: Any) -> None:
    one = visit(server, storage_state=session)
    page = one.go("/devices/school-kl01")
    one.live()
    shown = page.locator('[data-value="school-kl01/co2"]')
    before = shown.inner_text()
    expect(shown).not_to_have_text(before, timeout=10_000)


def test_fifty_loads_make_fifty_streams(server: Server, visit: Opens, session: Any) -> None:
    one = visit(server, storage_state=session)
    for _ in range(50):
        one.go("/account")
        one.live()
    assert sum("/api/v1/stream" in url for url in one.asked) == 50


def test_a_frozen_gateway_is_seen_and_heals(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/areas/Lokaal%200.1")
    one.live()
    os.kill(server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    page.wait_for_selector("#stale:not([hidden])", timeout=9_000)
    shown_s = time.monotonic() - began
    os.kill(server.process.pid, signal.SIGCONT)
    began = time.monotonic()
    page.wait_for_selector("#stale[hidden]", state="attached", timeout=10_000)
    print(f"banner after {shown_s:.1f} s, healed after {time.monotonic() - began:.1f} s")  # noqa: T201
    assert shown_s <= 8
    assert "Geen verbinding" in page.locator("#stale").inner_text() or page.locator("#stale").is_hidden()


def test_a_command_is_confirmed_by_the_device(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/areas/Lokaal%200.1")
    one.live()
    switch = page.get_by_role("switch", name="Plafondlampen")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator(".outcome", has_text="bevestigd").first).to_be_visible()
    assert one.wrong == []


def test_a_refusal_says_why(server: Server, visit: Opens, session: Any) -> None:
    one = visit(server, storage_state=session)
    page = one.go("/areas/Technische%20ruimte")
    one.live()
    switch = page.get_by_role("switch", name="Circulatiepomp")
    switch.click()
    expect(page.locator(".outcome", has_text="Pomp vergrendeld: klep gesloten").first).to_be_visible()
    expect(switch).to_have_attribute("aria-checked", "true")


def test_a_slider_sets_and_follows(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/devices/school-entree-lamp")
    one.live()
    page.get_by_role("spinbutton", name="Helderheid (%)").fill("35")
    page.locator("form.control-number button").first.click()
    expect(page.locator('[data-value="school-entree-lamp/brightness"]')).to_have_text("35")


def test_ignoring_can_be_undone(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/discovered")
    page.get_by_role("button", name="Negeren: tasmota_8F2A11").click()
    expect(page.locator(".toast")).to_contain_text("tasmota_8F2A11 wordt voortaan genegeerd")
    expect(page.locator("main")).not_to_contain_text("tasmota_8F2A11")
    page.get_by_role("button", name="Ongedaan maken").click()
    expect(page.locator("main")).to_contain_text("tasmota_8F2A11")


def test_adopting_renaming_and_undoing(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/discovered")
    card = page.locator("li", has_text="tasmota_8F2A11")
    card.locator("summary").click()
    card.get_by_label("Naam").fill("Waterkoker")
    card.get_by_label("Ruimte").fill("Aula")
    card.get_by_role("button", name="In gebruik nemen").click()
    expect(page.locator(".toast")).to_contain_text("Waterkoker is nu in gebruik")
    page = one.go("/devices/school-nieuw-1?edit=1")
    page.fill("#e-name", "Ketel")
    page.locator("#edit").get_by_role("button", name="Opslaan").click()
    expect(page.locator("h1")).to_have_text("Ketel")
    page.get_by_role("button", name="Ongedaan maken").click()
    expect(page.locator("h1")).to_have_text("Waterkoker")


def test_taking_an_alert_up(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.go("/")
    card = page.locator("article", has_text="Beamer is offline")
    card.get_by_role("button", name="Ik pak dit op").click()
    expect(page.locator("article", has_text="Beamer is offline")).to_contain_text("opgepakt door anna")
    page = one.go("/alerts?show=taken")
    page.locator("summary", has_text="Schrijf een notitie").click()
    page.get_by_label("Notitie").fill("Stekker zat los")
    page.get_by_role("button", name="Notitie opslaan").click()
    expect(page.locator("main")).to_contain_text("Stekker zat los")


def test_a_rule_is_made_and_a_wrong_one_explained(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server, "desktop").sign_in()
    page = one.go("/rules/new")
    page.fill("#title_nl", "Serverruimte te warm")
    page.fill("#quantity", "temperature")
    page.fill("#value", "28")
    page.fill("#clear", "30")
    page.get_by_role("button", name="Opslaan").click()
    expect(page.locator("[role=alert]")).to_contain_text("clear")
    assert page.input_value("#title_nl") == "Serverruimte te warm"
    page.fill("#clear", "26")
    page.get_by_role("button", name="Opslaan").click()
    page.wait_for_url(server.url + "/rules")
    expect(page.locator("main")).to_contain_text("Temperatuur (overal) is boven 28")


def test_language_and_theme_can_be_chosen(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server).sign_in()
    page = one.page
    page.locator("summary[aria-label='Account en weergave']").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_contain_text("devices reachable")
    assert page.locator("html").get_attribute("lang") == "en"
    page.locator("summary[aria-label='Account and display']").click()
    page.get_by_role("button", name="dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_everything_by_keyboard(server: Server, visit: Opens, session: Any) -> None:
    """Tab reaches every control of the home page, in order, and the focus is visible at each."""
    one = visit(server, "desktop", storage_state=session)
    page = one.go("/")
    one.live()
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]"
        ".filter((one) => one.checkVisibility({visibilityProperty: true})"
        " && !one.closest('details:not([open]) > :not(summary)')).length"
    )
    reached: set[str] = set()
    for number in range(wanted + 10):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "() => { const one = document.activeElement; if (!one || one === document.body) return null;"
            "const shown = getComputedStyle(one); const after = getComputedStyle(one, '::after');"
            "one.dataset.reached ||= String(Math.random());"
            "return {id: one.dataset.reached, visible: shown.outlineStyle !== 'none' || after.outlineStyle !== 'none',"
            "text: one.outerHTML.slice(0, 120)} }"
        )
        if found is None:
            break
        if number == 0:
            assert "skip" in found["text"]
        assert found["visible"], found["text"]
        reached.add(found["id"])
    assert len(reached) >= wanted
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    page.wait_for_url(server.url + "/find")


def test_rights_decide_what_is_there(server: Server, visit: Opens) -> None:
    one = visit(server, "desktop").sign_in("piet")
    page = one.page
    expect(page.locator(".area")).to_have_count(1)
    assert page.get_by_role("link", name="Gebruikers").count() == 0
    assert one.go("/system").title().startswith("Je rol staat dit niet toe")
    assert one.go("/devices/school-kl01").title().startswith("Dat apparaat is er niet")


def test_without_scripts_everything_still_posts(own_server: Callable[..., Server], visit: Opens) -> None:
    server = own_server()
    one = visit(server, java_script_enabled=False).sign_in()
    page = one.go("/areas/Lokaal%200.1")
    assert "21," in page.locator("main").inner_text()
    page.get_by_role("switch", name="Plafondlampen").click()
    assert "Bevestigd door het apparaat" in page.locator(".toast").inner_text()
    assert page.get_by_role("switch", name="Plafondlampen").get_attribute("aria-checked") == "false"
    page = one.go("/devices/school-kl01")
    assert page.locator("line-chart table tbody tr").count() > 5


def test_a_part_that_is_swapped_keeps_the_chart(server: Server, visit: Opens, session: Any) -> None:
    """Asking why swaps a part of the device's page; the chart beside it stays drawn."""
    one = visit(server, "desktop", storage_state=session)
    page = one.go("/devices/school-kl01")
    page.wait_for_selector("line-chart canvas")
    page.get_by_role("link", name="Waarom: Temperatuur").click()
    expect(page.locator(".chain")).to_contain_text("anna vroeg erom")
    assert page.locator("line-chart canvas").count() == 1
    assert page.url.startswith(server.url + "/devices/school-kl01")
