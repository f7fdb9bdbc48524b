"""Xiaomi and its partners (Qingping, HHCC, Yeelight, Linptech ...): MiBeacon, plain or encrypted.

Models: what xiaomi-ble knows: thermometers, plant sensors, door, motion, leak, smoke sensors, buttons, locks, scales.

    service data FE95 | F F | P P | N | address? | capability? | t t L v..      plain
    service data FE95 | F F | P P | N | address? | ciphertext | X X X | M M M M  encrypted, versions 4 and 5

    F frame control (bits 15-12 version, 6 an object follows, 4 address, 3 encrypted) | P product | N packet number
    t object type (1004 temperature 0.1 °C, 1006 humidity 0.1 %, 100A battery ...) | L length | v value, low byte first
    X upper part of the counter | M AES-CCM check; versions 2 and 3 have a check that is not looked at

Scales send service data 181D and 181B, HHCCJCY10 sends FD50. A counter that went back is refused.

Limits: with versions 2 and 3 a wrong key shows only in that nothing can be read. Battery of the first Flower Care and
of GCLS002 stands in a characteristic and is not read.
Sources: https://home-is-where-you-hang-your-hack.github.io/ble_monitor/ (MiBeacon), xiaomi-ble 1.21.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from sluis.sdk import About, BadChecksum, BleMatch, Implausible, NotMine, Truncated
from sluis.sdk.driver import Grade
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.advertiser import BINDKEY, EVERY, EXEMPTIONS, Advertiser
from sluis_drivers.bluetooth.heard import Heard, Parser

MIBEACON = "fe95"
SERVICES = (MIBEACON, "fd50", "181b", "181d")
ENCRYPTED, ADDRESSED, CAPABLE, OBJECT = 1 << 3, 1 << 4, 1 << 5, 1 << 6
MORE_CAPABLE = 0x20
"""This bit of the capability byte: one more byte follows it."""
HEAD = 5
"""Bytes before the optional ones: frame control, product, packet number."""
SEALED = 7
"""Bytes after the ciphertext: counter and check."""


class MiBeacon(Advertiser):
    """One Xiaomi sensor."""

    about = About(
        key="xiaomi",
        vendor="Xiaomi",
        models=("MiBeacon sensors", "Mi scales", "HHCCJCY10"),
        match=BleMatch(services=SERVICES),
        sources=("xiaomi-ble 1.21", "ble_monitor: MiBeacon protocol"),
        grade=Grade.GOLD,
        setup=(BINDKEY, EVERY),
        requires=("xiaomi-ble",),
        exemptions=EXEMPTIONS,
        proven="packets of real devices, published with xiaomi-ble",
    )
    every_s = 1800.0
    key_bytes = (12, 16)
    restart_below = 1

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        parser: Parser = _library().XiaomiBluetoothDeviceData(bindkey=key or None)
        return parser

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        if not any(service in said.service_data for service in SERVICES):
            raise NotMine
        data = said.service_data.get(MIBEACON)
        if data is None:
            return
        if len(data) < HEAD:
            raise Truncated("no room for its head")
        control = _control(data)
        if control & ADDRESSED:
            if len(data) < HEAD + 6:
                raise Truncated("no room for its address")
            if data[10:4:-1].hex(":").upper() != source and source.count(":") == 5:
                raise Implausible("it speaks for another address")
        if control & OBJECT and not control & ENCRYPTED:
            if key:
                raise Implausible("a plain packet from a device that encrypts")
            _whole(data, control)

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        data = said.service_data.get(MIBEACON, bytes(HEAD))
        control = _control(data)
        sealed = bool(control & ENCRYPTED and control & OBJECT)
        checked = control >> 12 > 3
        if sealed and key and not (parser.bindkey_verified if checked else heard.points):
            raise BadChecksum("the bind key does not open it")
        points = heard.points
        if parser.sleepy_device:
            points = {point: {**what, "sleepy": True} for point, what in points.items()}
        return replace(
            heard,
            points=points,
            sealed=sealed,
            counter=int.from_bytes(data[-SEALED:-4], "little") if sealed and key and checked else None,
            numbered=MIBEACON in said.service_data,
        )


def _control(data: bytes) -> int:
    return int.from_bytes(data[:2], "little")


def _whole(data: bytes, control: int) -> None:
    """Truncated when the object of a plain packet is shorter than it says."""
    at = HEAD + (6 if control & ADDRESSED else 0)
    if control & CAPABLE and at < len(data):
        at += 2 if data[at] & MORE_CAPABLE else 1
    if len(data) < at + 3 or len(data) < at + 3 + data[at + 2]:
        raise Truncated("its object is cut off")


@cache
def _library() -> Any:
    from xiaomi_ble import parser  # with aiohttp for a cloud that is never asked: only where there is such a device

    parser._LOGGER.disabled = True  # it writes a line for each bad packet; those are counted on the device's page
    return parser
