"""Two paths to one device: which devices of different links or drivers seem to be one thing.

Only a proposal, with its evidence: a person confirms it (`Register.relate`), and even then both stay devices of their
own. Pure.

Sources: IEEE Std 802-2014, 8.2 (EUI-48, EUI-64); Espressif, ESP-IDF Programming Guide v5.2, "MAC Address": one chip
uses its base address, and 1 to 3 more, for Wi-Fi station, access point, Bluetooth and Ethernet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sluis.model import Device

EQUAL = 0.9
"""Equal hardware addresses. Not certain: cheap clones share them, and a bridge may tell its own for its children."""

SERIAL = 0.8
"""Equal serial numbers of one vendor."""

NEAR = 0.5
"""Addresses of one vendor at most `NEXT` apart: as one chip has them, and as two boards of one box have them too."""

NEXT = 3

SERIAL_LEAST = 6
"""Characters of a serial number that says something; shorter ones are counters and defaults."""

NAMES = frozenset({"mac", "mac_address", "address", "ieee", "ieee_address", "ids", "identifiers", "connections", "cns"})
"""Fields of an announcement in which devices say their address."""

DEPTH = 5
"""Levels of an announcement that are looked into."""

EUI = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4,6}[0-9a-f]{2}(?![0-9a-f:])")
BARE = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{12})(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Kin:
    """Another device that seems to be the same thing."""

    other: str
    """Its key."""
    confidence: float
    """0 to 1."""
    evidence: str
    """`address`, `serial` or `near`."""
    detail: str
    """What is equal, or near."""


class Kinships:
    """Devices by what speaks for them, so that many can be asked about at once."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._by_address: dict[str, list[Device]] = {}
        self._by_serial: dict[str, list[Device]] = {}
        for device in devices:
            for address in addresses(device):
                self._by_address.setdefault(address, []).append(device)
            if device.serial:
                self._by_serial.setdefault(device.serial.casefold(), []).append(device)

    def of(self, device: Device) -> list[Kin]:
        """The devices that seem to be this one, most likely first. A device and what it carries are two things; so
        are two devices that one driver tells apart on one link, and those that a person has related already."""
        mine = addresses(device)
        others = {other.key: other for other in self._candidates(device, mine) if _may_be(device, other)}
        found = [kin for other in others.values() if (kin := _kin(device, mine, other)) is not None]
        return sorted(found, key=lambda kin: (-kin.confidence, kin.other))

    def _candidates(self, device: Device, mine: frozenset[str]) -> Iterable[Device]:
        yield from self._by_serial.get(device.serial.casefold(), ()) if device.serial else ()
        for address in mine:
            for step in range(-NEXT, NEXT + 1):
                yield from self._by_address.get(f"{max(0, int(address, 16) + step):0{len(address)}x}", ())


def kin_of(device: Device, others: Iterable[Device]) -> list[Kin]:
    """The same for one device."""
    return Kinships(others).of(device)


def _may_be(device: Device, other: Device) -> bool:
    carried = device.key == other.parent or other.key == device.parent
    related = device.key == other.same_as or other.key == device.same_as
    apart = (device.driver, device.link) != (other.driver, other.link)
    return device.key != other.key and apart and not carried and not related


def _kin(device: Device, mine: frozenset[str], other: Device) -> Kin | None:
    theirs = addresses(other)
    equal = mine & theirs
    if equal:
        return Kin(other.key, EQUAL, "address", _shown(min(equal)))
    serial = device.serial.casefold()
    same_maker = device.vendor.casefold() == other.vendor.casefold() != ""
    if len(serial) >= SERIAL_LEAST and serial == other.serial.casefold() and same_maker:
        return Kin(other.key, SERIAL, "serial", device.serial)
    near = [(one, two) for one in sorted(mine) for two in sorted(theirs) if _near(one, two)]
    return Kin(other.key, NEAR, "near", " / ".join(map(_shown, near[0]))) if near else None


def _near(one: str, two: str) -> bool:
    return len(one) == len(two) == 12 and one[:6] == two[:6] and 0 < abs(int(one, 16) - int(two, 16)) <= NEXT


def addresses(device: Device) -> frozenset[str]:
    """The hardware addresses that a device is known by: 12 or 16 lower-case hexadecimal digits each."""
    texts = [device.native_id, device.serial, *_told(device.description, False, DEPTH)]
    return frozenset(found for text in texts for found in _addresses_in(text.lower()))


def _addresses_in(text: str) -> Iterable[str]:
    for found in EUI.finditer(text):
        digits = re.sub("[:-]", "", found.group())
        if len(digits) in (12, 16):
            yield digits
    for found in BARE.finditer(text):
        if not found.group().isdecimal():  # more likely a number, or a date
            yield found.group()


def _told(said: object, named: bool, depth: int) -> Iterable[str]:
    if isinstance(said, str):
        if named:
            yield said[:80]
    elif depth and isinstance(said, Mapping):
        for name, value in said.items():
            yield from _told(value, named or str(name).lower() in NAMES, depth - 1)
    elif depth and isinstance(said, list | tuple):
        for value in said[:8]:
            yield from _told(value, named, depth - 1)


def _shown(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)).upper()
