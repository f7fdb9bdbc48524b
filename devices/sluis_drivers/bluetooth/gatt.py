"""Any Bluetooth LE device that offers standard characteristics: battery, environmental sensing, device information.

Models: what follows the GATT Specification Supplement, whoever makes it.

    ADDRESS/2a19   B                battery level, %
    ADDRESS/2a6e   T T              temperature 0.01 °C, signed; 8000 for unknown
    ADDRESS/2a6f   H H              humidity 0.01 %; FFFF for unknown
    ADDRESS/2a6d   P P P P          pressure 0.1 Pa
    ADDRESS/2a24   text             model; 2a25 serial number, 2a26 firmware, 2a29 manufacturer

    all numbers low byte first; the others are in `VALUES`

The first poll tries every characteristic that is known here, and those that answer become points; later polls read only
these. A device that lists environmental sensing (181A) in its advertisement is found by itself; one with a battery and
nothing else (headphones, mice) is added by a person.

Limits: where a device has two characteristics of one kind, one of them is read.
Sources: Bluetooth GATT Specification Supplement 11; Assigned Numbers, sections 3.4 and 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sluis.model import LinkError
from sluis.sdk import (
    About,
    Announcement,
    Ask,
    BleMatch,
    Decoded,
    Driver,
    Frame,
    Implausible,
    Kind,
    Link,
    NotMine,
    Point,
    Sniffed,
    Station,
    Truncated,
)
from sluis.sdk.driver import Grade
from sluis.sdk.payload import dict_of
from sluis.wire.advertising import parse
from sluis_drivers.bluetooth import pairing

EVIDENCE = "It offers the Environmental Sensing service; which values, it says when it is connected."

ENVIRONMENT = "181a"
DIAGNOSTIC = "diagnostic"


@dataclass(frozen=True, slots=True)
class Value:
    """One characteristic that holds a number, low byte first."""

    point: Point
    length: int
    factor: float = 1
    signed: bool = False
    unknown: int | None = None
    """The raw value that stands for "not known"."""


def _value(key: str, quantity: str, unit: str, length: int, digits: int = 0, **more: Any) -> Value:
    """`digits` after the decimal point; `minimum`, `maximum` and `category` go to the point."""
    about = {name: more.pop(name) for name in ("minimum", "maximum", "category") if name in more}
    return Value(Point(quantity, unit, key=key, **about), length, 10.0**-digits, **more)


VALUES: Mapping[str, Value] = {
    "2a19": _value("battery", "battery", "%", 1, minimum=0, maximum=100, category=DIAGNOSTIC),
    "2a6e": _value("temperature", "temperature", "°C", 2, 2, signed=True, unknown=-0x8000, minimum=-100, maximum=300),
    "2a6f": _value("humidity", "humidity", "%", 2, 2, unknown=0xFFFF, minimum=0, maximum=100),
    "2a6d": _value("pressure", "pressure", "Pa", 4, 1),
    "2a7b": _value("dew_point", "temperature", "°C", 1, signed=True),
    "2afb": _value("illuminance", "illuminance", "lx", 3, 2, unknown=0xFFFFFF),
    "2b8c": _value("carbon_dioxide", "carbon_dioxide", "ppm", 2, unknown=0xFFFF),
    "2be7": _value("volatile_organic_compounds", "volatile_organic_compounds_parts", "ppb", 2, unknown=0xFFFF),
    "2a77": _value("irradiance", "irradiance", "W/m²", 2, 1),
    "2a76": _value("uv_index", "", "", 1),
    "2a78": _value("rainfall", "precipitation", "mm", 2),
    "2a70": _value("wind_speed", "wind_speed", "m/s", 2, 2),
    "2a71": _value("wind_direction", "wind_direction", "°", 2, 2, minimum=0, maximum=360),
}
"""Characteristic -> what it holds."""

TEXTS: Mapping[str, str] = {"2a29": "vendor", "2a24": "model", "2a25": "serial", "2a26": "firmware"}
"""Characteristic of the device information -> the device's field."""

TEXT_MOST = 80


class Gatt(Driver):
    """One device with standard characteristics."""

    about = About(
        key="gatt",
        vendor="Bluetooth",
        models=("environmental sensing", "battery"),
        match=BleMatch(services=(ENVIRONMENT,)),
        sources=("Bluetooth GATT Specification Supplement 11", "Bluetooth Assigned Numbers 3.8"),
        grade=Grade.BRONZE,
        setup=(
            Ask("poll_s", "Seconds between two readings", Kind.NUMBER, default=300),
            Ask("notifies", "Characteristics that notify", hint="For example: 2a6e 2a19. The connection is kept open."),
            pairing.PAIRING,
        ),
        proven="the GATT server of Bumble",
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._answered = [uuid for uuid in VALUES if uuid in dict_of(self.description.get("heard"))]
        self._explored = False

    def succeed(self, before: Self) -> None:
        self._explored = before._explored

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        said = parse(frame.data) if "/" not in frame.source else None
        if said is None or ENVIRONMENT not in said.services:
            raise NotMine
        told = {"name": said.name, "confidence": "likely", "evidence": EVIDENCE}
        return [Announcement(frame.source, "heard", {}, merge="add", **told)]

    def topics(self) -> Iterable[str]:
        notifies = str(self.setting("notifies")).lower().replace(",", " ").split()
        return (self.native_id, f"{self.native_id}/+", *(f"{self.native_id}/{uuid}" for uuid in notifies))

    def station(self) -> Station | None:
        return pairing.station(self)

    def points(self) -> Iterable[Point]:
        return [VALUES[uuid].point for uuid in self._answered]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        address, slash, uuid = frame.source.partition("/")
        if address != self.native_id:
            raise NotMine
        if not slash:
            return ()  # it advertises: it is there
        if uuid in TEXTS:
            return [_told(self.native_id, uuid, frame.data)]
        if uuid not in VALUES:
            raise NotMine
        number = _number(VALUES[uuid], frame.data)
        said: list[Decoded] = []
        if uuid not in self._answered:
            said.append(Announcement(self.native_id, "heard", {uuid: {}}, merge="add"))
        elif number is not None:
            said.append(VALUES[uuid].point(number))
        return said

    def poll_every_s(self) -> float | None:
        every_s = self.setting("poll_s", 300)
        return max(1.0, float(every_s)) if isinstance(every_s, int | float) else 300.0

    async def poll(self, link: Link) -> None:
        """Read what is known to answer; all there is the first time, and again after a time without any answer."""
        wanted = (self._answered if self._explored else ()) or [*VALUES, *TEXTS]
        answers, problem = 0, LinkError(f"{self.native_id} offers nothing that is known here")
        for uuid in wanted:
            try:
                await link.request(b"", to=f"{self.native_id}/{uuid}")
                answers += 1
            except LinkError as error:
                problem = error
        self._explored = answers > 0
        if not answers:
            raise problem


def _number(value: Value, data: bytes) -> float | None:
    """What a characteristic's bytes say; None for unknown."""
    if len(data) != value.length:
        raise Truncated(f"{len(data)} bytes, not {value.length}")
    raw = int.from_bytes(data, "little", signed=value.signed)
    return None if raw == value.unknown else round(raw * value.factor, 2)


def _told(address: str, uuid: str, data: bytes) -> Announcement:
    """What the device information says."""
    try:
        text = data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise Implausible("its text is not UTF-8") from error
    return Announcement(address, "information", {uuid: {}}, merge="add", **{TEXTS[uuid]: text[:TEXT_MOST]})
