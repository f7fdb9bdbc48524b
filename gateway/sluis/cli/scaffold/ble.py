"""A sensor that advertises what it measures; from a recording, its advertisements tell what to look for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sluis.model import FrameError
from sluis.sdk.testing.frames import data_of
from sluis.wire.advertising import Advertisement, build, parse

DRIVER = '''"""$vendor $model: a sensor that advertises what it measures.

Models: $model.

    $where | T T | H | B ...    $length bytes      CHANGE: draw your device's frames

    T temperature in hundredths of °C, low byte first, with sign | H relative humidity in % | B battery in %
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import About, Announcement, BleMatch, Decoded, Driver, Frame, NotMine, Point, Sniffed, Truncated
from sluis.wire.advertising import parse

LENGTH = $length


class $name(Driver):
    """One $vendor $model."""

    about = About(
        key="$key",
        vendor="$vendor",
        models=("$model",),
        match=BleMatch($match),
        sources=("CHANGE: where the knowledge comes from, with version",),
        sdk=$sdk,
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=60)
    humidity = Point("humidity", "%", minimum=0, maximum=100, every_s=60)
    battery = Point("battery", "%", minimum=0, maximum=100, every_s=3600)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        measured(frame)
        return [Announcement(frame.source, vendor="$vendor", model="$model")]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        data = measured(frame)
        return [
            self.temperature(int.from_bytes(data[0:2], "little", signed=True) / 100),
            self.humidity(int.from_bytes(data[2:3], "little")),
            self.battery(int.from_bytes(data[3:4], "little")),
        ]


def measured(frame: Frame) -> bytes:
    """The bytes that hold the measurement."""
    data = parse(frame.data).$field
    if data is None:
        raise NotMine
    if len(data) != LENGTH:
        raise Truncated(f"{len(data)} bytes, not {LENGTH}")
    return data
'''

STAND_IN = '''"""Stand-in for a $vendor $model. Play it: sluis driver simulate $file"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk.standin import StandIn


class $name(StandIn):
    kind = "ble"
    every_s = 1.0

    def says(self) -> Iterable[tuple[str, bytes]]:
        yield "$address", bytes.fromhex("$advert")
'''

EXAMPLE = "C4:00:00:00:00:01", Advertisement(name="Sensor", manufacturer_data={0xFFFF: bytes.fromhex("66080b5a")})
"""An address, and an advertisement with 21.5 °C, 11 % and 90 %. FFFF is the identifier for tests."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The device in a recording: one of its advertisements, and where in it the measurement is."""

    address: str
    advert: Advertisement
    data: bytes
    """AD structures as they came."""
    match: str
    """Arguments of BleMatch."""
    field: str
    """What of an Advertisement holds the measurement."""
    where: str
    """The same in words."""
    measured: bytes

    def without_end(self) -> Advertisement:
        """The advertisement with the last byte of the measurement cut off."""
        cut = self.measured[:-1]
        if self.field.startswith("service_data"):
            held = {key: cut if data == self.measured else data for key, data in self.advert.service_data.items()}
            return replace(self.advert, service_data=held)
        company = {key: cut if data == self.measured else data for key, data in self.advert.manufacturer_data.items()}
        return replace(self.advert, manufacturer_data=company)


def seen_in(entries: Sequence[Mapping[str, Any]]) -> Seen | None:
    """The device that said most in a recording, of those whose advertisements hold data of theirs."""
    told: list[Seen] = []
    for entry in entries:
        source = str(entry.get("topic", ""))
        try:
            one = seen(source, data_of(entry)) if source.count(":") == 5 and "/" not in source else None
        except FrameError:
            continue
        told += [one] if one is not None else []
    if not told:
        return None
    most = Counter(one.address for one in told).most_common(1)[0][0]
    return next(one for one in told if one.address == most)


def seen(address: str, data: bytes) -> Seen | None:
    """What one advertisement says; None when it holds no data."""
    advert = parse(data)
    for uuid, measured in advert.service_data.items():
        where, match = f"service data {uuid}", f'services=("{uuid}",)'
        return Seen(address, advert, data, match, f'service_data.get("{uuid}")', where, measured)
    for company, measured in advert.manufacturer_data.items():
        where, match = f"manufacturer data {company:04X}", f"manufacturers=(0x{company:04X},)"
        return Seen(address, advert, data, match, f"manufacturer_data.get(0x{company:04X})", where, measured)
    return None


def example() -> Seen:
    """The device to start from without a recording."""
    address, advert = EXAMPLE
    found = seen(address, build(advert))
    assert found is not None
    return found


def lines(device: Seen, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Its frames, without what the driver makes of them: those of the recording, each different one once, then one that
    is damaged and one of somebody else."""
    own = [dict(entry) for entry in entries if entry.get("topic") == device.address]
    once = {json.dumps([entry.get("hex"), entry.get("text")]): entry for entry in reversed(own)}
    kept = list(reversed(once.values()))[:20] or [
        {"name": "measured", "topic": device.address, "hex": device.data.hex()}
    ]
    strange = Advertisement(name="Somebody else", manufacturer_data={0x004C: b"\x02\x15"})
    damaged = {"name": "damaged: a byte is missing", "topic": device.address, "hex": build(device.without_end()).hex()}
    foreign = {"name": "foreign: another maker's", "topic": device.address, "hex": build(strange).hex()}
    return [*kept, damaged | {"device": device.address}, foreign | {"device": device.address}]
