"""A scan over the API, with the real register behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sluis.app.scanning import Scanning
from sluis.intake.scan import Scan
from sluis.links.serial.ports import Found, UsbId
from sluis.model import Frame, Role
from sluis.panel.reports import LinkReport
from tests.panel.conftest import Browser, Site

USED, FREE = UsbId(0x0403, 0x6001, "A1", "c/1:1.0"), UsbId(0x1A86, 0x7523, "", "c/2:1.0")


def links() -> Sequence[LinkReport]:
    return [
        LinkReport("ble", "ble", False, 1, "there is no adapter hci0"),
        LinkReport("meters", "serial", True, 1, notes={"adapter": USED.text, "place": USED.place}),
        LinkReport("hat", "serial", True, 1, notes={"device": "/dev/ttyAMA0"}),
    ]


@pytest.fixture
def scan(site: Site) -> Scan:
    made = Scan(site.register, site.clock)
    site.register.links = {"mqtt": "mqtt"}
    ports = [Found("/dev/ttyUSB0", USED, "FTDI"), Found("/dev/ttyUSB1", FREE, "QinHeng CH340")]
    ports += [Found(f"/dev/ttyAMA{number}", words="UART of the board") for number in (0, 1)]
    scanning = Scanning(made, links, site.audit, lambda: ports)
    site.app.state.house = replace(site.house, scanning=scanning)
    return made


async def test_a_scan_begins_lists_and_ends(site: Site, admin: Browser, scan: Scan) -> None:
    assert (await admin.get("/api/v1/scan")).json()["left_s"] == 0
    begun = (await admin.post("/api/v1/scan", json={"for_s": 60})).json()
    assert (begun["left_s"], begun["heard"]) == (60, [])
    scan.note("mqtt", Frame("mqtt", "m/one/data", b'{"temperature": 1}', site.stamp()))
    scan.note("mqtt", Frame("mqtt", "stranger/x/y", b"\x00\xff", site.stamp()))
    found = (await admin.get("/api/v1/scan")).json()
    assert [(one["source"], one["why"], one["device"]) for one in found["heard"]] == [
        ("m/one", "in-use", "meter-one"),
        ("stranger/x", "no-driver", ""),
    ]
    assert found["heard"][1]["sample"] == "00ff"
    assert found["down"] == [{"name": "ble", "kind": "ble", "reason": "there is no adapter hci0"}]
    assert found["free_ports"] == [
        {"device": "/dev/ttyUSB1", "setting": "usb:1a86:7523", "words": "QinHeng CH340"},
        {"device": "/dev/ttyAMA1", "setting": "/dev/ttyAMA1", "words": "UART of the board"},
    ]
    assert "scan.begin" in [entry.action for entry in await site.audit.entries(10)]


@pytest.mark.parametrize("for_s", [0, 121, "long"])
async def test_it_is_bounded(admin: Browser, scan: Scan, for_s: object) -> None:
    assert (await admin.post("/api/v1/scan", json={"for_s": for_s})).status_code == 422
    assert not scan.on


async def test_it_shows_the_whole_building_so_it_takes_rights_everywhere(site: Site, scan: Scan) -> None:
    client = await site.program(Role.TECHNICIAN, frozenset({"Hal"}))
    assert (await client.get("/api/v1/scan")).status_code == 403
    assert (await client.post("/api/v1/scan", json={})).status_code == 403
    assert not scan.on
