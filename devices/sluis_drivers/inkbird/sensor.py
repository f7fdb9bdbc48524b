"""INKBIRD thermometers that advertise: IBS-TH, IBS-TH2, ITH-11-B, ITH-13-B, ITH-21-B, IBS-P02B, iBBQ-1/-2/-4/-6.

Models: see above; air monitors and probes that speak over a connection only (IAM-T1, IHT-2PB, IDT-34c-B) are not read.

    manufacturer data T T | H H | P | C C | B | x          "sps", "tps": T where others put their company
    manufacturer data 2449 | x.. | T T | H H | B | x ..    ITH-11-B and the like
    manufacturer data 0000 | x.. | A A A A A A | t t | ..  iBBQ: one t for each probe

    T temperature 0.01 °C (2449: 0.1 °C) | H humidity 0.01 % (0.1 %) | B battery % | C check | P probe
    t 0.1 °C, FFFF for a probe that is not plugged in; low byte first

Values that cannot be (humidity above 100 %, battery above 100 %) are a damaged packet.
Limits: the check is not looked at (inkbird-ble). A packet is believed as the last one when several are merged.
Sources: inkbird-ble 1.7 and its packets of real devices.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from sluis.sdk import About, BleMatch, Implausible, NotMine
from sluis.sdk.driver import Grade
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.advertiser import EVERY, EXEMPTIONS, Advertiser
from sluis_drivers.bluetooth.heard import Heard, Parser


class Inkbird(Advertiser):
    """One INKBIRD thermometer."""

    about = About(
        key="inkbird",
        vendor="INKBIRD",
        models=("IBS-TH", "IBS-TH2", "ITH-11-B", "ITH-13-B", "ITH-21-B", "IBS-P02B", "iBBQ"),
        match=BleMatch(
            manufacturers=(0x2449,),
            names=("sps", "tps", "?BBQ*", "Inkbird*", "ITH-*", "ibs-*", "IBS-*", "Ink@*"),
        ),
        sources=("inkbird-ble 1.7",),
        grade=Grade.GOLD,
        setup=(EVERY,),
        requires=("inkbird-ble",),
        exemptions=EXEMPTIONS,
        proven="packets of real devices, published with inkbird-ble",
    )

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        parser: Parser = _library().INKBIRDBluetoothDeviceData()
        return parser

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        if not said.manufacturer_data:
            raise NotMine

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        if not heard.points and _library().MODEL_INFO[parser.device_type].parse_adv:
            raise Implausible("values that cannot be")
        named = said.name != ""
        return replace(heard, name=heard.name if named else "", model=heard.model if named else "")


@cache
def _library() -> Any:
    from inkbird_ble import parser

    parser._LOGGER.disabled = True
    return parser
