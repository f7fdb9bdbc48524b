"""Govee thermometers, probes, buttons, motion and window sensors.

Models: those of H5051 to H5198 that govee-ble knows (H5074, H5075, H5100 ... H5108, H5121 ... H5130, H5140, H5178 ...).

    manufacturer data EC88 | 00 | N N N | B | ..                        H5072, H5075: B battery %
    manufacturer data EC88 | 00 | t t | h h | B | ..                    H5074: t 0.01 °C, h 0.01 %, low byte first
    manufacturer data EF88 | x x | T T T T | 16 encrypted bytes | C C   H5121 ... H5130: key from T, C check

    N = 10,000 x temperature in °C + 10 x humidity in %, upper bit for below nought | upper bit of B: the sensor failed

A failed sensor gives no reading. Most models put their values in the scan response: the link has to scan actively.
Limits: temperatures come rounded to 0.1 °C; a probe of H5181 ... H5185 that is not plugged in reads 0 °C (govee-ble).
Sources: govee-ble 1.5 and its packets of real devices.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from sluis.sdk import About, BadChecksum, BleMatch
from sluis.sdk.driver import Grade
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.advertiser import EVERY, EXEMPTIONS, Advertiser
from sluis_drivers.bluetooth.heard import Heard, Parser

ENCRYPTED = 0xEF88
CONTENT, CHECK = slice(6, 22), slice(22, 24)


class Govee(Advertiser):
    """One Govee sensor."""

    about = About(
        key="govee",
        vendor="Govee",
        models=("H5051-H5198",),
        match=BleMatch(
            services=("ec88", "5550", "8151", "8251", "8351", "8451", "8551", "9151", "9851"),
            manufacturers=(0xEC88, ENCRYPTED, 0x8801, 0x8803, 0x8843),
            names=("Govee*", "GVH5*", "GV5*", "B5178*"),
        ),
        sources=("govee-ble 1.5",),
        grade=Grade.GOLD,
        setup=(EVERY,),
        requires=("govee-ble",),
        exemptions=EXEMPTIONS,
        proven="packets of real devices, published with govee-ble",
    )

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        parser: Parser = _library().GoveeBluetoothDeviceData()
        return parser

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        data = said.manufacturer_data.get(ENCRYPTED, b"")
        if len(data) == CHECK.stop and _library().calculate_crc(data[CONTENT]) != int.from_bytes(data[CHECK], "big"):
            raise BadChecksum("the check at its end does not fit")

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        points = heard.points
        if parser.sleepy:
            points = {point: {**what, "sleepy": True} for point, what in points.items()}
        named = said.name != ""  # by its packet alone a model is often one of several
        return replace(heard, points=points, name=heard.name if named else "", model=heard.model if named else "")


@cache
def _library() -> Any:
    from govee_ble import parser

    parser._LOGGER.disabled = True
    return parser
