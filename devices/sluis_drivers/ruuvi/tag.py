"""RuuviTag and Ruuvi Air: data formats 3, 5, 6 and E1.

Models: RuuviTag (all), RuuviTag Pro, Ruuvi Air.

    manufacturer data 0499 | 05 | T T | H H | P P | X X | Y Y | Z Z | V V | M | S S | A A A A A A

    T temperature 0.005 °C, 8000 for none | H humidity 0.0025 %, FFFF | P pressure - 50,000 Pa, FFFF
    X Y Z acceleration in thousandths of g, 8000 | V upper 11 bits battery - 1600 mV, 7FF; lower 5 bits transmit power
    M movements, FF for none | S measurement number, FFFF | A the tag's address; numbers high byte first

A value that the tag marks as not available gives no reading. ruuvitag-ble passes the movement counter's mark (255) on
as a number: it is taken out here.
Sources: https://docs.ruuvi.com/communication/bluetooth-advertisements (formats 3, 5, 6, E1), ruuvitag-ble 0.4.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from sluis.sdk import About, BleMatch, Implausible, NotMine, Truncated
from sluis.sdk.driver import Grade
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.advertiser import EVERY, EXEMPTIONS, Advertiser
from sluis_drivers.bluetooth.heard import Heard, Parser

RUUVI = 0x0499
LENGTHS = {0x03: 14, 0x05: 24, 0x06: 20, 0xE1: 40}
"""Data format -> bytes, the format included."""
AIR = (0x06, 0xE1)
TAG, MOVEMENTS, NO_MOVEMENTS = 0x05, 15, 0xFF
MAC = slice(18, 24)


class RuuviTag(Advertiser):
    """One RuuviTag or Ruuvi Air."""

    about = About(
        key="ruuvi",
        vendor="Ruuvi",
        models=("RuuviTag", "Ruuvi Air"),
        match=BleMatch(manufacturers=(RUUVI,)),
        sources=("https://docs.ruuvi.com/communication/bluetooth-advertisements", "ruuvitag-ble 0.4"),
        grade=Grade.GOLD,
        setup=(EVERY,),
        requires=("ruuvitag-ble",),
        exemptions=EXEMPTIONS,
        proven="the test vectors of Ruuvi's own format documents",
    )

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        parser: Parser = _library().RuuvitagBluetoothDeviceData()
        return parser

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        data = said.manufacturer_data.get(RUUVI)
        if not data or data[0] not in LENGTHS:
            raise NotMine
        if len(data) != LENGTHS[data[0]]:
            raise Truncated(f"{len(data)} bytes, not {LENGTHS[data[0]]}")
        spoken = data[MAC].hex(":").upper()
        if data[0] == TAG and spoken != source and source.count(":") == 5 and data[MAC] != b"\xff" * 6:
            raise Implausible("it speaks for another address")

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        data = said.manufacturer_data[RUUVI]
        readings = heard.readings
        if data[0] == TAG and data[MOVEMENTS] == NO_MOVEMENTS:
            readings = tuple(one for one in readings if one.point != "movement_counter")
        held = {one.point for one in readings}
        return replace(
            heard,
            readings=readings,
            points={key: what for key, what in heard.points.items() if key in held},
            vendor="Ruuvi",
            model="Ruuvi Air" if data[0] in AIR else "RuuviTag",  # the library goes by the name, which may be missing
            name="",
        )


@cache
def _library() -> Any:
    from ruuvitag_ble import parser

    parser._LOGGER.disabled = True
    return parser
