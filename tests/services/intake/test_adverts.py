"""An advertisement finds the families that it fits, and a known advertiser costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sluis.intake.adverts import EVERY, FIRST, Adverts
from sluis.model import Frame, Stamp
from sluis.sdk import About, BleMatch, Driver, LinkMatch, MqttMatch
from sluis.sdk.match import Match
from sluis.wire.advertising import Advertisement, build

LONG = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"


def family(key: str, match: Match) -> type[Driver]:
    return type(key, (Driver,), {"about": About(key, "Vendor", ("Model",), match, ())})


FAMILIES = {
    key: family(key, match)
    for key, match in {
        "service": BleMatch(services=("fcd2", LONG)),
        "maker": BleMatch(manufacturers=(0x0499,)),
        "name": BleMatch(names=("GVH5*", "Kitchen")),
        "told": LinkMatch(kinds=("ble",)),
        "mqtt": MqttMatch(filters=("#",)),
    }.items()
}


def advert(said: Advertisement, source: str = "A4:C1:38:00:00:01") -> Frame:
    return Frame("ble", source, build(said), Stamp(1, 1))


def keys(found: Iterable[type[Driver]]) -> list[str]:
    return [cls.about.key for cls in found]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (Advertisement(service_data={"fcd2": b"\x40"}), ["service"]),
        (Advertisement(services=("180f", LONG)), ["service"]),
        (Advertisement(manufacturer_data={0x0499: b"\5"}), ["maker"]),
        (Advertisement(name="GVH5075_ABCD"), ["name"]),
        (Advertisement(name="gvh5075"), []),
        (Advertisement(name="Kitchen", services=("fcd2",), service_data={"fcd2": b"1"}), ["service", "name"]),
        (Advertisement(name="Phone", manufacturer_data={0x004C: b"\x10"}), []),
        (Advertisement(), []),
    ],
)
def test_families_by_what_it_says(said: Advertisement, found: list[str]) -> None:
    assert keys(Adverts(FAMILIES.values()).families(advert(said))) == found


def test_a_known_advertiser_is_looked_at_now_and_then() -> None:
    adverts = Adverts(FAMILIES.values())
    frame = advert(Advertisement(service_data={"fcd2": b"\x40"}))
    looked = [number for number in range(4 * EVERY) if adverts.families(frame)]
    assert looked == [*range(FIRST), EVERY, 2 * EVERY, 3 * EVERY]
    # Another is new.
    assert adverts.families(advert(Advertisement(service_data={"fcd2": b"\x40"}), "A4:C1:38:00:00:02"))


def test_packets_that_take_turns_are_all_found() -> None:
    adverts = Adverts(FAMILIES.values())
    turns = [advert(Advertisement(service_data={"fcd2": bytes((turn,))})) for turn in range(6)]
    looked = {number % 6 for number in range(7 * EVERY) if adverts.families(turns[number % 6])}
    assert looked == set(range(6))


def test_a_damaged_advertisement_is_counted_and_a_characteristic_is_none() -> None:
    adverts = Adverts(FAMILIES.values())
    assert not adverts.families(Frame("ble", "A4:C1:38:00:00:01", b"\x1e\x16\xd2\xfc", Stamp(1, 1)))
    assert adverts.damaged == 1
    assert not adverts.families(Frame("ble", "A4:C1:38:00:00:01/2a19", b"\x1e", Stamp(1, 1)))
    assert adverts.damaged == 1
