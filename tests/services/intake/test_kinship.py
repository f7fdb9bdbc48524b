"""Two paths to one device are proposed with evidence, and related only by a person."""

from __future__ import annotations

from typing import Any

import pytest

from sluis.intake.kinship import EQUAL, NEAR, SERIAL, Kin, addresses, kin_of
from sluis.model import ConfigError, Device, UnknownDevice
from sluis.model.commands import SYSTEM
from tests.services.intake.conftest import Site


def a(native_id: str, driver: str = "one", link: str = "mqtt", **more: Any) -> Device:
    return Device(key=f"{driver}-{native_id}", driver=driver, native_id=native_id, link=link, **more)


SHELLY = a("shellyplus1pm-a8032ab1c2d4", "shelly-gen2")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (a("A8:03:2A:B1:C2:D4", "bthome", "ble"), (EQUAL, "address", "A8:03:2A:B1:C2:D4")),
        (a("A8:03:2A:B1:C2:D6", "bthome", "ble"), (NEAR, "near", "A8:03:2A:B1:C2:D4 / A8:03:2A:B1:C2:D6")),
        (a("A8:03:2A:B1:C2:D8", "bthome", "ble"), None),
        (a("A8:03:2B:B1:C2:D4", "bthome", "ble"), None),
        (a("A8:03:2A:B1:C2:D4", "shelly-gen2"), None),
        (
            a("x", "ha", description={"t": {"device": {"cns": [["mac", "a8032ab1c2d4"]]}}}),
            (EQUAL, "address", "A8:03:2A:B1:C2:D4"),
        ),
        (a("x", "ha", description={"t": {"note": "a8032ab1c2d4"}}), None),
        (a("x", "ha", description={"mac": 7, "cns": [[[[["a8032ab1c2d4"]]]]]}), None),
        (a("00a8032ab1c2d4ff", "ha"), None),
        (a("A8:03:2A:B1:C2:D4", "bthome", "ble", parent=SHELLY.key), None),
        (a("A8:03:2A:B1:C2:D4", "bthome", "ble", same_as=SHELLY.key), None),
        (a("123456789012", "ha"), None),
        (a("", "ha"), None),
    ],
)
def test_what_speaks_for_one_device(other: Device, found: tuple[float, str, str] | None) -> None:
    wanted = [Kin(other.key, *found)] if found else []
    assert kin_of(SHELLY, [SHELLY, other]) == wanted
    assert [kin.confidence for kin in kin_of(other, [SHELLY])] == [kin.confidence for kin in wanted]


def test_serial_numbers_count_within_one_make_only() -> None:
    meter = a("meters/3", "modbus", "serial", vendor="Eastron", serial="SN-004711")
    assert kin_of(meter, [a("x", "ha", vendor="EASTRON", serial="sn-004711")]) == [
        Kin("ha-x", SERIAL, "serial", "SN-004711")
    ]
    assert kin_of(meter, [a("x", "ha", vendor="ABB", serial="SN-004711"), a("y", "ha", serial="SN-004711")]) == []
    short = a("z", "modbus", "serial", vendor="Eastron", serial="1")
    assert kin_of(short, [a("x", "ha", vendor="Eastron", serial="1")]) == []


def test_the_likeliest_comes_first_and_zigbee_addresses_count() -> None:
    assert addresses(a("zigbee2mqtt_0x00158d0002d4e5f6")) == {"00158d0002d4e5f6"}
    near, equal = a("A8:03:2A:B1:C2:D5", "b", "ble"), a("a8-03-2a-b1-c2-d4", "c", "net")
    assert [kin.other for kin in kin_of(SHELLY, [near, equal])] == [equal.key, near.key]


async def test_a_person_relates_them_and_may_undo_it(site: Site) -> None:
    for native_id in ("one", "two", "three"):
        await site.adopted(native_id)
    await site.register.relate("probe-two", "probe-one", SYSTEM)
    assert site.store.saved["probe-two"].same_as == "probe-one"
    assert ("device.related", "probe-two") in [(action, key) for _, action, key in site.store.recorded]
    for key, other in (("probe-one", "probe-one"), ("probe-three", "probe-two"), ("probe-one", "probe-three")):
        with pytest.raises(ConfigError):
            await site.register.relate(key, other, SYSTEM)
    with pytest.raises(UnknownDevice):
        await site.register.relate("probe-three", "probe-nine", SYSTEM)
    site.link.feed(("p/two/hello", b'{"name": "two", "more": 1}'), ("p/two/data", b'{"t": 21}'))
    await site.settle()
    assert site.register.device("probe-two").same_as == "probe-one", "an announcement does not undo it"
    assert site.register.twin("probe-two").reported["temperature"].value == 21, "it stays a device of its own"
    await site.register.unrelate("probe-two", SYSTEM)
    assert site.register.device("probe-two").same_as == ""
