"""A node's configuration from the panel and over the API: drawn, changed, checked, sent, watched, undone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from sluis.model import Role
from sluis.model.commands import SYSTEM
from sluis.model.nodes import NodeState
from sluis.model.wiring import Stage
from sluis.panel.i18n import tongue
from sluis.panel.pages import node_words
from sluis_provision.enrol.alike import alike
from sluis_provision.wiring import Workshop
from sluis_provision.wiring.wiring import GONE, GRACE_S, LEAVES_S
from tests.panel.conftest import Browser, Site

Eventually = Callable[..., Awaitable[None]]

PICO = "e661410403020100"
PAGE = f"/devices/sluis-node-{PICO}/node"
API = f"/api/v1/nodes/{PICO}/config"
HAS: dict[str, Any] = {
    "name": "Attic",
    "buses": {"wire": {"bus": "onewire", "pin": 4}},
    "parts": {
        "boiler": {"part": "ds18b20", "bus": "wire", "every_s": 5},
        "pump": {"part": "relay", "pin": 16, "name": "Pump", "safe": True},
    },
}
GOOD = {"ok": True, "findings": [{"part": "pump", "kind": "relay", "pin": "GPIO16", "ok": True, "values": {}}]}


class Fields(HTMLParser):
    """What a browser would send of the page's large form, and what is marked as wrong."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.wrong: set[str] = set()
        self.options: dict[str, list[str]] = {}
        self._inside = False
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._inside = told.get("action", "").endswith("/node")
        if not self._inside:
            return
        name = told.get("name", "")
        if "aria-invalid" in told:
            self.wrong.add(name)
        if tag == "input" and (told.get("type") != "checkbox" or "checked" in told):
            self.sent.append((name, told.get("value", "")))
        elif tag == "select":
            self._select = name
        elif tag == "option":
            self.options.setdefault(self._select, []).append(told["value"])
            if "selected" in told or len(self.options[self._select]) == 1:
                self.sent = [one for one in self.sent if one[0] != self._select] + [(self._select, told["value"])]
        elif tag == "textarea":
            self._area = name

    def handle_data(self, data: str) -> None:
        if self._area:
            self.sent.append((self._area, data))
            self._area = ""

    def form(self, do: str, **changed: str | None) -> dict[str, list[str]]:
        """As a form's data, with some fields changed (`__` for a dot); None for a box that is not ticked."""
        made: dict[str, list[str]] = {}
        for name, value in self.sent:
            made.setdefault(name, []).append(value)
        for name, told in changed.items():
            key = name.replace("__", ".")
            made.pop(key, None)
            if told is not None:
                made[key] = [told]
        return made | {"do": [do]}

    @property
    def base(self) -> Any:
        return json.loads(dict(self.sent)["base"])


@pytest.fixture
async def node(site: Site) -> Site:
    """A site with one node that is online and answers."""
    key = await site.node(PICO, adopt=True)
    site.register.twin(key).heard(site.stamp())
    site.nodes.answers[PICO, "config"] = {"ok": True, "node": HAS, "trial": []}
    site.nodes.answers[PICO, "test"] = GOOD
    return site


@pytest.fixture
async def tess(node: Site) -> Browser:
    await node.user("tess", Role.TECHNICIAN)
    browser = node.browser()
    await browser.sign_in("tess")
    browser.headers["Accept-Language"] = "en"
    return browser


@pytest.fixture
async def watched(node: Site) -> AsyncIterator[Site]:
    """With what watches over configurations at work."""
    wiring: Any = node.house.wiring
    task = asyncio.ensure_future(wiring.run())
    yield node
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def stage(site: Site, wanted: Stage, eventually: Eventually) -> Any:
    """What became of it, after as much time as that takes."""
    assert site.house.wiring is not None
    wiring = site.house.wiring

    async def there() -> bool:
        await site.clock.advance(1)
        found = wiring.trial(PICO)
        return found is not None and found.stage is wanted

    await eventually(there, within_s=20)
    return wiring.trial(PICO)


# -- the page ---------------------------------------------------------------------------------------------


async def test_the_page_shows_what_is_wired_and_sends_the_same_back(node: Site, tess: Browser) -> None:
    assert f'href="{PAGE}"' in (await tess.get(f"/devices/sluis-node-{PICO}")).text
    page = Fields((await tess.get(PAGE)).text)
    assert page.base == HAS
    assert dict(page.sent)["set.parts.boiler.every_s"] == "5"
    assert "23" not in page.options["set.parts.pump.pin"], "the radio's"
    assert "28" in page.options["set.parts.pump.pin"]
    assert page.wrong == set()
    checked = await tess.post(PAGE, data=page.form("check"))
    assert checked.status_code == 200 and "the node would take this" in checked.text
    assert Fields(checked.text).base == HAS, "nothing was changed, so nothing changes"


async def test_a_part_is_added_corrected_and_removed(node: Site, tess: Browser) -> None:
    page = Fields((await tess.get(PAGE)).text)
    answer = await tess.post(PAGE, data=page.form("add", kind="bme280", new_key="Air"))
    assert answer.status_code == 422
    page = Fields(answer.text)
    assert page.base["parts"]["air"] == {"part": "bme280", "bus": "i2c"}
    assert page.base["buses"]["i2c"] == {"bus": "i2c"}, "the bus that it needs"
    assert {"set.buses.i2c.sda", "set.buses.i2c.scl"} <= page.wrong
    corrected = {"set__buses__i2c__sda": "16", "set__buses__i2c__scl": "21", "set__parts__pump__safe": None}
    answer = await tess.post(PAGE, data=page.form("check", **corrected, set__parts__air__every_s="soon"))
    page = Fields(answer.text)
    assert "uses pin 16, which buses.i2c.sda uses" in answer.text
    assert page.wrong == {"set.parts.pump.pin", "set.parts.air.every_s"}
    assert dict(page.sent)["set.parts.air.every_s"] == "soon", "what was typed is still there"
    assert page.base["parts"]["pump"]["safe"] is False
    fine = {"set__buses__i2c__sda": "20", "set__parts__air__every_s": "60,5"}
    answer = await tess.post(PAGE, data=page.form("remove parts.boiler", **fine))
    page = Fields(answer.text)
    assert answer.status_code == 200 and page.wrong == set()
    assert page.base["parts"].keys() == {"pump", "air"}
    assert page.base["parts"]["air"]["every_s"] == 60.5


async def test_experts_write_text(node: Site, tess: Browser) -> None:
    page = Fields((await tess.get(PAGE)).text)
    answer = await tess.post(PAGE, data=page.form("text", text="{"))
    assert answer.status_code == 422 and "cannot be read as JSON" in answer.text
    assert Fields(answer.text).base == HAS
    answer = await tess.post(PAGE, data=page.form("text", text='{"name": "Loft", "pumps": {}}'))
    assert "is not known here" in answer.text
    answer = await tess.post(PAGE, data=page.form("text", text='{"name": "Loft"}'))
    assert (answer.status_code, Fields(answer.text).base) == (200, {"name": "Loft"})


async def test_what_is_wrong_is_not_sent(node: Site, tess: Browser) -> None:
    page = Fields((await tess.get(PAGE)).text)
    answer = await tess.post(PAGE, data=page.form("send", set__parts__pump__pin="4"))
    assert answer.status_code == 422
    assert Fields(answer.text).wrong == {"set.parts.pump.pin"}
    assert node.house.wiring is not None and node.house.wiring.trial(PICO) is None


async def test_it_is_sent_and_kept(watched: Site, tess: Browser, eventually: Eventually) -> None:
    page = Fields((await tess.get(PAGE)).text)
    answer = await tess.post(PAGE, data=page.form("send", set__parts__pump__name="Pomp", trial_s="60"))
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    shown = (await tess.get(PAGE)).text
    assert "On trial" in shown and 'hx-trigger="every 2s"' in shown
    assert "On trial" in (await tess.get(f"{PAGE}?live=true")).text
    wanted = Fields(shown).base
    assert wanted["parts"]["pump"]["name"] == "Pomp"
    # A board's numbers have 32 bits.
    back = {**wanted, "parts": {**wanted["parts"], "boiler": {**wanted["parts"]["boiler"], "every_s": 5.0000001}}}
    watched.nodes.answers[PICO, "config"] = {"ok": True, "node": back, "trial": []}
    found = await stage(watched, Stage.KEPT, eventually)
    assert found.trial_s == 60
    assert (await tess.get(f"{PAGE}?live=true")).headers["HX-Refresh"] == "true"
    assert "Kept: it came back with it" in (await tess.get(PAGE)).text
    await tess.post(f"{PAGE}/test")
    assert "The last test was passed" in (await tess.get(PAGE)).text
    watched.nodes.answers[PICO, "config"] = {"ok": True, "node": {}, "trial": []}
    await tess.post(f"{PAGE}/undo")
    assert "no other configuration before" in (await tess.get(PAGE)).text


async def test_one_that_went_back_says_why(
    watched: Site, admin: Browser, tess: Browser, eventually: Eventually
) -> None:
    assert watched.house.nodes is not None
    await admin.post(f"/api/v1/nodes/{PICO}/test")
    assert (await admin.put(API, json={"config": {"name": "Loft"}})).json()["state"] == "enrolled"
    why = "/node.json went back to the last good one: the boot before was not confirmed"
    watched.nodes.answers[PICO, "log"] = {"ok": True, "lines": [[1, 0, why]], "crash": "Traceback\nMemoryError: "}
    found = await stage(watched, Stage.BACK, eventually)
    assert found.reason == "the boot before was not confirmed. MemoryError:"
    held = await watched.house.nodes.node(PICO)
    assert (held.state, held.config) == (NodeState.PROVEN, HAS), "as good as it was"
    assert (await admin.get(f"{API}/trial")).json()["stage"] == "back"
    assert "Gone back" in (await tess.get(PAGE)).text


async def test_one_that_does_not_come_back(watched: Site, admin: Browser, eventually: Eventually) -> None:
    answer = await admin.put(API, json={"config": {"name": "Loft"}, "trial_s": 5})
    assert answer.status_code == 200
    del watched.nodes.answers[PICO, "config"]
    began_us = watched.clock.mono_us
    found = await stage(watched, Stage.LOST, eventually)
    assert found.reason == GONE
    assert watched.clock.mono_us - began_us >= (5 + GRACE_S - LEAVES_S) * 1e6


async def test_safe_mode_is_no_good_end(watched: Site, admin: Browser, eventually: Eventually) -> None:
    await admin.put(API, json={"config": HAS})
    watched.nodes.answers[PICO, "about"] = {"ok": True, "safe_mode": True}
    assert "safe mode" in (await stage(watched, Stage.LOST, eventually)).reason


async def test_of_a_silent_node_what_it_was_given_last_is_shown(node: Site, admin: Browser, tess: Browser) -> None:
    await admin.put(API, json={"config": {"name": "Loft"}})
    node.nodes.answers.clear()
    assert node.house.wiring is not None
    node.house.wiring._trials.clear()  # type: ignore[attr-defined]  # as after a restart of the gateway
    shown = (await tess.get(PAGE)).text
    assert "does not answer now" in shown and Fields(shown).base == {"name": "Loft"}
    answer = await tess.post(PAGE, data=Fields(shown).form("send"))
    assert (answer.status_code, "did not answer" in answer.text) == (422, True)


async def test_who_may(node: Site) -> None:
    await node.user("piet", Role.OPERATOR)
    browser = node.browser()
    await browser.sign_in("piet")
    assert (await browser.get(PAGE)).status_code == 403
    assert PAGE not in (await browser.get(f"/devices/sluis-node-{PICO}")).text
    await node.user("hal", Role.TECHNICIAN, frozenset({"Hal"}))
    some = node.browser()
    await some.sign_in("hal")
    assert (await some.get(PAGE)).status_code == 403
    await node.user("tess", Role.TECHNICIAN)
    whole = node.browser()
    await whole.sign_in("tess")
    assert (await whole.get("/devices/meter-one/node")).status_code == 404


# -- the API ----------------------------------------------------------------------------------------------


async def test_the_firmware_says_what_there_is_and_what_is_wrong(node: Site, admin: Browser) -> None:
    told = (await admin.get("/api/v1/node-parts")).json()
    kinds = {one["kind"]: one for one in told["parts"]}
    fields = {one["key"]: one for one in kinds["ds18b20"]["fields"]}
    assert fields["bus"] == fields["bus"] | {"kind": "bus", "needed": True, "bus": "onewire"}
    assert kinds["bme280"]["points"][2] == kinds["bme280"]["points"][2] | {"suffix": "pressure", "unit": "hPa"}
    assert 23 not in told["boards"]["pico-w"]["free"]
    wrong = {"parts": {"a": {"part": "relay", "pin": 16}, "b": {"part": "relay", "pin": 16}}}
    faults = (await admin.post(f"{API}/check", json={"config": wrong})).json()["faults"]
    assert faults == [{"where": "parts.b.pin", "what": "uses pin 16, which parts.a.pin uses"}]
    refused = await admin.put(API, json={"config": wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "node.config")
    assert refused.json()["errors"] == [{"field": "parts.b.pin", "message": faults[0]["what"]}]
    huge = {"name": "x" * 30_000}
    assert "bytes" in (await admin.post(f"{API}/check", json={"config": huge})).json()["faults"][0]["what"]
    deep: Any = {}
    for _ in range(300):
        deep = {"parts": deep}
    assert (await admin.post(f"{API}/check", json={"config": deep})).json()["faults"]


async def test_checks_that_do_not_run_say_so(tmp_path: Any) -> None:
    (tmp_path / "lib").mkdir()
    with pytest.raises(Exception, match="No module named 'sluis_node'") as raised:
        await Workshop(tmp_path).check({})
    assert getattr(raised.value, "code", "") == "node.no-check"


async def test_every_word_of_the_firmware_has_one_for_people() -> None:
    told = await Workshop().catalogue()
    fields = {key for one in told.kinds.values() for key in one.fields}
    fields |= {key for one in (*told.buses.values(), told.node) for key in one}
    assert fields - node_words.FIELDS.keys() == set()
    assert {*told.kinds, *told.buses} - node_words.KINDS.keys() == set()


async def test_faults_are_said_in_dutch() -> None:
    wrong: dict[str, Any] = {
        "name": 1,
        "pumps": 1,
        "buses": {"wire": {"bus": "onewire", "pin": 23}, "main": {"bus": "i2c", "id": 0, "sda": 6, "scl": 5}},
        "parts": {
            "A": {},
            "a": {"part": "none"},
            "b": {"part": "relay", "pin": 99},
            "c": {"part": "relay", "pin": 5, "safe": "no"},
            "d": {"part": "bme280", "bus": "wire", "every_s": 0},
            "e": {"part": "bme280", "bus": "main", "address": "x"},
            "f": {"part": "dimmer"},
            "g": {"part": "dimmer", "pin": "?" * 20, "hz": 1},
            "h": 1,
        },
    }
    dutch = tongue("nl")
    for fault in await Workshop().check(wrong, "pico-w"):
        assert node_words.fault(dutch, fault.what) != fault.what, fault
    assert node_words.fault(dutch, "is something new") == "is something new"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1, 0.1]}, {"a": [1.0, 0.10000000149]}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1, 2], [1], False),
        ("x", "x", True),
        ({}, None, False),
    ],
)
def test_alike(one: Any, other: Any, same: bool) -> None:
    assert alike(one, other) is same


async def test_a_second_change_takes_the_place_of_the_first(
    watched: Site, admin: Browser, eventually: Eventually
) -> None:
    await admin.put(API, json={"config": {"name": "Loft"}})
    await admin.put(API, json={"config": {"name": "Cellar"}})
    watched.nodes.answers[PICO, "config"] = {"ok": True, "node": {"name": "Cellar"}, "trial": []}
    assert (await stage(watched, Stage.KEPT, eventually)).config == {"name": "Cellar"}
    entries: list[Mapping[str, Any]] = (await admin.get("/api/v1/audit", params={"limit": 50})).json()["items"]
    assert "node.fell-back" not in {one["action"] for one in entries}
    assert SYSTEM.label not in {one["actor"] for one in entries if one["action"] == "node.configured"}
