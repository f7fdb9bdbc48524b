"""A device is added in the browser, and its driver's questions are answered there: real register, real driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sluis.app.driver_sources import built_in
from sluis.model import DeviceState, Role
from sluis.panel.i18n import tongue
from sluis.panel.pages.asks import HINTS, LABELS
from sluis.panel.reports import AskReport, DriverReport, LinkReport
from sluis_drivers.bthome.v2 import BTHome
from sluis_drivers.modbus.device import Modbus
from tests.panel.conftest import Browser, Site, System

KEY = "231d39c1d7cc1ab1aee224cd096db932"
ADDRESS = "54:48:E6:8F:80:A5"


class Drivers(System):
    """A radio and a serial line; the drivers that are on them, as `app` reports them."""

    def links(self) -> Sequence[LinkReport]:
        return [LinkReport("ble", "ble", True, 1), LinkReport("meters", "serial", False, 1, "unplugged")]

    def drivers(self) -> Sequence[DriverReport]:
        return [
            DriverReport(
                cls.about.key,
                cls.about.vendor,
                cls.about.models,
                "gold",
                "built-in",
                kinds=cls.about.match.kinds,
                addable=True,
                setup=tuple(
                    AskReport(a.key, a.label, a.kind.value, a.options, a.default, a.required, a.secret, a.hint)
                    for a in cls.about.setup
                ),
            )
            for cls in (BTHome, Modbus)
        ]


@pytest.fixture
async def anna(site: Site) -> Browser:
    """A technician at a browser that speaks English."""
    for cls in (BTHome, Modbus):
        site.register.registry.add(cls)
    site.register.links = {"ble": "ble", "meters": "serial"}
    site.app.state.house = replace(site.house, system=Drivers())
    await site.user("anna", Role.TECHNICIAN)
    client = site.browser()
    client.headers["Accept-Language"] = "en"
    await client.sign_in("anna")
    return client


async def test_the_form_asks_what_the_driver_asks(anna: Browser) -> None:
    chosen = (await anna.get("/discovered/add?driver=modbus")).text
    assert 'name="ask.map"' in chosen and "eastron-sdm120" in chosen and '<textarea id="ask-custom"' in chosen
    assert 'value="meters"' in chosen and 'value="ble"' not in chosen, "only links of its kind"
    secret = (await anna.get("/discovered/add?driver=bthome")).text
    assert 'name="ask.bindkey" type="password"' in secret
    assert "/discovered/add" in (await anna.get("/discovered")).text
    assert "Apparaat toevoegen" in (await anna.get("/discovered/add", headers={"Accept-Language": "nl"})).text


async def test_a_device_is_added(site: Site, anna: Browser) -> None:
    wish = {"driver": "bthome", "link": "ble", "address": ADDRESS.lower(), "name": "Cellar", "area": "Kelder"}
    answer = await anna.post("/discovered/add", data=wish | {"asset_number": "A7", "ask.bindkey": KEY})
    assert answer.status_code == 303, answer.text
    (made,) = [one for one in site.register.devices(DeviceState.ADOPTED) if one.driver == "bthome"]
    assert (made.native_id, made.label, made.area, made.asset_number) == (ADDRESS, "Cellar", "Kelder", "A7")
    assert made.description["setup"]["bindkey"] == KEY
    assert answer.headers["location"] == f"/devices/{made.key}"
    again = await anna.post("/discovered/add", data=wish)
    assert again.status_code == 409 and "in use at this address already" in again.text


async def test_what_does_not_fit_is_said_and_nothing_typed_is_lost(site: Site, anna: Browser) -> None:
    before = site.register.devices()
    wish = {"driver": "modbus", "link": "meters", "address": "3", "name": "Main meter", "area": "Kelder"}
    typed = wish | {"ask.map": "custom", "ask.custom": "[[point]\r\nbroken", "ask.unit": "1", "ask.every_s": "5"}
    answer = await anna.post("/discovered/add", data=typed)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    for kept in ("Main meter", "Kelder", "[[point]", 'value="3"', 'value="5"', "<option selected>custom"):
        assert kept in answer.text
    number = await anna.post("/discovered/add", data=typed | {"ask.every_s": "often"})
    assert "is no number" in number.text and 'value="often"' in number.text and "aria-invalid" in number.text
    nowhere = await anna.post("/discovered/add", data=typed | {"link": "ble"})
    assert "is a ble link" in nowhere.text
    assert site.register.devices() == before


async def test_a_key_is_told_later_and_never_shown(site: Site, anna: Browser) -> None:
    await anna.post("/discovered/add", data={"driver": "bthome", "link": "ble", "address": ADDRESS})
    (made,) = [one for one in site.register.devices() if one.driver == "bthome"]
    assert "ask.bindkey" not in (await anna.get(f"/devices/{made.key}")).text
    path = f"/devices/{made.key}"
    assert 'name="ask.bindkey"' in (await anna.get(f"{path}?edit=1")).text
    short = await anna.post(f"{path}/setup", data={"ask.bindkey": "12", "ask.every_s": "30"})
    assert short.status_code == 422 and 'value="30"' in short.text and 'role="alert"' in short.text
    assert (await anna.post(f"{path}/setup", data={"ask.bindkey": KEY, "ask.every_s": "30"})).status_code == 303
    assert (await anna.post(f"{path}/setup", data={"ask.bindkey": "", "ask.every_s": "60"})).status_code == 303
    assert site.register.device(made.key).description["setup"] == {"bindkey": KEY, "every_s": 60}
    shown = (await anna.get(f"{path}?edit=1")).text
    assert KEY not in shown and "leave it empty to keep it" in shown


async def test_only_who_may_adopt_may_add(site: Site, anna: Browser) -> None:
    await site.user("olaf", Role.OPERATOR)
    olaf = site.browser()
    await olaf.sign_in("olaf")
    assert (await olaf.get("/discovered/add")).status_code == 403
    assert (await olaf.post("/discovered/add", data={"driver": "bthome"})).status_code == 403
    await site.user("tess", Role.TECHNICIAN, frozenset({"Hal"}))
    tess = site.browser()
    tess.headers["Accept-Language"] = "en"
    await tess.sign_in("tess")
    wish = {"driver": "bthome", "link": "ble", "address": ADDRESS, "area": "Kelder"}
    assert (await tess.post("/discovered/add", data=wish)).status_code == 403
    assert (await tess.post("/discovered/add", data=wish | {"area": "Hal"})).status_code == 303


def test_the_questions_of_built_in_drivers_are_translated() -> None:
    dutch = tongue("nl")
    for cls in built_in():
        for ask in cls.about.setup:
            assert ask.label in LABELS and dutch(ask.label)
            assert not ask.hint or (ask.hint in HINTS and dutch(ask.hint))
