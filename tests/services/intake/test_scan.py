"""A scan lists everything that is heard, with the reason for what is not in use; it is bounded and ends by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sluis.intake import Intake
from sluis.intake.scan import LONGEST_S, LOOKS, MOST, SAMPLE, Scan, Why, root_of
from sluis.links.replay import ReplayLink, Sent
from sluis.model import Frame
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, ManualClock
from sluis.sdk import Inquiry, Registry
from sluis.wire.advertising import Advertisement, build
from sluis_drivers.bthome.v2 import BTHome
from tests.services.intake.conftest import MemoryStore, Probe, Register, Site

Start = Callable[[Awaitable[object]], asyncio.Task[object]]


def hello(native_id: str) -> tuple[str, bytes]:
    return f"p/{native_id}/hello", json.dumps({"name": native_id}).encode()


def whys(scan: Scan) -> dict[str, tuple[str, str]]:
    return {one.source: (one.why.value, one.device) for one in scan.heard()}


async def test_each_source_has_its_device_and_its_reason(site: Site) -> None:
    await site.adopted("used")
    for native_id in ("ignored", "gone"):
        await site.adopted(native_id)
    await site.register.ignore("probe-ignored", SYSTEM)
    await site.register.retire("probe-gone", SYSTEM)
    site.intake.scan.begin(30)
    site.link.feed(("p/used/data", b'{"t": 20}'), ("p/used/x/deep/down", b"1"), ("p/ignored/data", b"1"))
    site.link.feed(
        hello("fresh"),
        ("p/gone/will", b"offline"),
        ("stranger/kitchen/lamp", b"on"),
        ("p/odd/hello", b""),
        ("p/many/hello", b"{"),
    )
    await site.settle()
    assert whys(site.intake.scan) == {
        "p/used": ("in-use", "probe-used"),
        "p/ignored": ("ignored", "probe-ignored"),
        "p/fresh": ("waiting", "probe-fresh"),
        "p/gone": ("retired", "probe-gone"),
        "stranger/kitchen": ("no-driver", ""),
        "p/odd": ("announcement", ""),
        "p/many": ("nothing-made", ""),
    }
    used = next(one for one in site.intake.scan.heard() if one.source == "p/used")
    assert (used.count, used.sample, used.drivers) == (2, b'{"t": 20}', ())
    await site.register.adopt("probe-fresh", name="Fresh", area="", actor=SYSTEM)
    assert whys(site.intake.scan)["p/fresh"] == ("in-use", "probe-fresh")


async def test_everything_is_subscribed_while_it_lasts_and_no_longer(site: Site) -> None:
    assert "#" not in site.link.filters
    site.link.feed(("stranger/kitchen/lamp", b"on"))
    await site.settle()
    assert site.intake.scan.heard() == [], "nothing is listed before somebody looks"
    assert site.intake.scan.begin(3_600) == LONGEST_S
    await site.settle()
    assert "#" in site.link.filters
    await site.clock.advance(LONGEST_S + 1)
    await site.settle()
    assert not site.intake.scan.on and site.intake.scan.left_s == 0
    assert "#" not in site.link.filters and "p/+/hello" in site.link.filters
    site.link.feed(("stranger/kitchen/lamp", b"on"))
    await site.settle()
    assert site.intake.scan.heard() == []


async def test_what_is_scanned_is_still_acknowledged_and_stored_once(site: Site) -> None:
    await site.adopted("used")
    site.intake.scan.begin(30)
    tokens = site.link.feed(("p/used/data", b'{"t": 20}'), ("stranger/kitchen/lamp", b"on"))
    await site.settle()
    assert set(tokens) <= set(site.link.acknowledged)
    assert [row[1] for row in site.store.rows] == [20]


def a_scan(*families: type) -> tuple[Scan, ManualClock]:
    clock, store = ManualClock(), MemoryStore()
    register = Register(Registry(*families), store, store, clock, Bus(), store)
    register.links = {"ble": "ble", "mqtt": "mqtt"}
    return Scan(register, clock), clock


def advert(clock: ManualClock, address: str, said: Advertisement, rssi_dbm: int = -60) -> Frame:
    return Frame("ble", address, build(said), clock.stamp(), rssi_dbm=rssi_dbm)


def test_on_the_air_a_family_looks_at_what_fits_it() -> None:
    scan, clock = a_scan(BTHome)
    scan.begin(30)
    plain = Advertisement(service_data={"fcd2": bytes.fromhex("40 02 c4 09")})
    scan.note("ble", advert(clock, "AA:BB:CC:DD:EE:01", plain, -80))
    scan.note("ble", advert(clock, "AA:BB:CC:DD:EE:02", Advertisement(service_data={"fcd2": b""})))
    scan.note("ble", advert(clock, "AA:BB:CC:DD:EE:03", Advertisement(name="Headphones"), -40))
    scan.note("ble", Frame("ble", "AA:BB:CC:DD:EE:04", b"\xff\x01", clock.stamp(), rssi_dbm=-90))
    found = {one.source[-2:]: one for one in scan.heard()}
    assert found["01"].drivers == found["02"].drivers == ("bthome",)
    assert found["02"].why is Why.NOTHING
    assert found["03"].why is found["04"].why is Why.UNKNOWN
    assert [one.rssi_dbm for one in scan.heard()] == [-40, -60, -80, -90]


def test_it_is_bounded_in_sources_in_bytes_and_in_looks() -> None:
    scan, clock = a_scan(Probe)
    scan.begin(30)
    for number in range(MOST + 5):
        scan.note("mqtt", Frame("mqtt", f"flood/{number}/x", bytes(1_000), clock.stamp()))
    for number in range(100):
        scan.note("mqtt", Frame("mqtt", "flood/1/y", bytes(2_000 + number), clock.stamp()))
    held = scan.heard()
    assert (len(held), scan.left_out) == (MOST, 5)
    assert max(len(one.sample) for one in held) == SAMPLE
    assert max(one.looks for one in held) == LOOKS
    scan.begin(30)
    assert (scan.heard(), scan.left_out) == ([], 0)


@pytest.mark.parametrize(
    ("kind", "source", "root"),
    [
        ("mqtt", "zigbee2mqtt/lamp/availability", "zigbee2mqtt/lamp"),
        ("mqtt", "single", "single"),
        ("ble", "AA:BB:CC:DD:EE:FF/2a6e", "AA:BB:CC:DD:EE:FF"),
        ("serial", "meters/3", "meters/3"),
        ("net", "192.0.2.7:502/4", "192.0.2.7:502/4"),
    ],
)
def test_what_makes_a_line(kind: str, source: str, root: str) -> None:
    assert root_of(kind, source) == root


async def test_families_that_answer_a_broadcast_are_asked_while_it_lasts(tasks: Start) -> None:
    class Answers(Probe):
        about = replace(Probe.about, search=(Inquiry("p/everybody", b"who"),))

    clock, bus, store = ManualClock(), Bus(), MemoryStore()
    link, other = ReplayLink("mqtt", clock), ReplayLink("attic", clock, kind="ble")
    intake = Intake(Register(Registry(Answers), store, store, clock, bus, store), store, [link, other], clock, bus)
    tasks(intake.run())
    for one in (link, other):
        one.heal()
    await clock.advance(30)
    assert link.sent == []
    intake.scan.begin(25)
    await clock.advance(1)
    assert link.sent == [Sent("p/everybody", b"who", False)]
    for _ in range(40):
        await clock.advance(1)
    assert len(link.sent) == 3, "at once, after 10 s, after 20 s"
    assert other.sent == [], "it is another kind of link"


def test_what_the_gateway_publishes_itself_is_ours_and_only_that() -> None:
    scan, clock = a_scan()
    scan.own_topics = frozenset({"sluis/here/#", "homeassistant/+/sluis_here/+/config"})
    scan.begin(30)
    for topic in (
        "sluis/here/lamp/state",
        "homeassistant/light/sluis_here/lamp/config",
        "zigbee2mqtt/lamp",
        "sluis/other/x",
    ):
        scan.note("mqtt", Frame("mqtt", topic, b"1", clock.stamp()))
    scan.note("mqtt", Frame("mqtt", "homeassistant/light/another/lamp/config", b"1", clock.stamp()))
    found = {one.source: one.why for one in scan.heard()}
    assert found["sluis/here"] is Why.OURS
    assert found["zigbee2mqtt/lamp"] is found["sluis/other"] is Why.UNKNOWN
    assert found["homeassistant/light"] is Why.UNKNOWN, "others announce there too"
