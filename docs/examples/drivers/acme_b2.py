"""ACME B2: thermometer that advertises over Bluetooth LE.

Models: B2, firmware 1.x.

    manufacturer data FFFF | 02 | T T | H | B | N | C        every 2 s

    T temperature 0.01 °C, signed, low byte first; 8000: the sensor failed | H relative humidity in % | B battery in %
    N packet number | C sum of the bytes before it, without the carry
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from sluis.sdk import (
    About,
    Announcement,
    BadChecksum,
    BleMatch,
    Decoded,
    Driver,
    Frame,
    NotMine,
    Point,
    Sniffed,
    Truncated,
)
from sluis.wire.advertising import parse

COMPANY, KIND = 0xFFFF, 0x02
PACKET = struct.Struct("<BhBBBB")
FAILED = -0x8000


class AcmeB2(Driver):
    """One B2."""

    about = About(
        key="acme-b2",
        vendor="ACME",
        models=("B2",),
        match=BleMatch(manufacturers=(COMPANY,)),
        sources=("ACME B2 protocol note 1.0, section 2",),
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=30)
    humidity = Point("humidity", "%", minimum=0, maximum=100, every_s=30)
    battery = Point("battery", "%", minimum=0, maximum=100, category="diagnostic")

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        _measured(frame)
        return [Announcement(frame.source, name=f"B2 {frame.source[-5:]}", vendor="ACME", model="B2")]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        temperature, humidity, battery = _measured(frame)
        said = [self.humidity(humidity), self.battery(battery)]
        if temperature != FAILED:
            said.append(self.temperature(temperature / 100))
        return said


def _measured(frame: Frame) -> tuple[int, int, int]:
    """Temperature in hundredths, humidity and battery of a B2's packet."""
    data = parse(frame.data).manufacturer_data.get(COMPANY)
    if not data or data[0] != KIND:
        raise NotMine
    if len(data) != PACKET.size:
        raise Truncated(f"{len(data)} bytes, not {PACKET.size}")
    _, temperature, humidity, battery, _, check = PACKET.unpack(data)
    if sum(data[:-1]) & 0xFF != check:
        raise BadChecksum
    return temperature, humidity, battery
