"""Smart meters with a P1 port: DSMR 2.2 to 5 (Netherlands), Fluvius e-MUCS (Belgium), Luxembourg, Sweden.

Models: every meter with such a port, by cable (serial: 115200 8N1 from DSMR 4 on, 9600 7E1 before) or through a box
that hands its telegrams on over TCP. The meter tells what it measures, and what gas, water and heat meters on it do.

    /XXX5\\model                                  X maker's flag
    <blank>
    1-0:1.7.0(00.244*kW)                          A-B:C.D.E(value*unit), OBIS codes
    0-1:24.1.0(003)                               type of the sub-meter on channel 1: 3 gas, 7 water, 12 heat
    0-1:24.2.1(170102161005W)(00000.107*m3)       its value, and when it took it
    !6EEE                                         CRC-16 from / to !; none before DSMR 4

The meter speaks by itself: every second (DSMR 5) or every ten. Of those within `every_s` seconds of its own clock the
first is taken; the others are passed over, and counted as duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sluis.sdk import (
    About,
    Announcement,
    Ask,
    Decoded,
    Driver,
    Frame,
    Framing,
    Grade,
    Kind,
    LinkMatch,
    NotMine,
    Point,
    Quality,
    Reading,
    Station,
)
from sluis_drivers.dsmr.points import ELECTRICITY, MEDIA, UNITS, point_of
from sluis_drivers.dsmr.telegram import OLD_S, SubMeter, Telegram, read

LIVE_S = 10.0
"""A meter's values are expected at least this often: the slowest (DSMR 2 to 4) send every ten seconds."""


class P1(Driver):
    """One meter. Its points are those that its telegrams have had."""

    about = About(
        key="dsmr-p1",
        vendor="DSMR",
        models=(),
        match=LinkMatch(kinds=("serial", "net")),
        sources=(
            "dsmr-parser 1.11, telegram_specifications: DSMR 2.2 to 5, Fluvius, Luxembourg, Sweden",
            "published telegrams of DSMR 2.2, 3, 4.2, 5, Fluvius and a heat meter (ndokter/dsmr_parser, test/)",
        ),
        grade=Grade.SILVER,
        framing=Framing("p1", max_bytes=8192),
        setup=(
            Ask("every_s", "Take a telegram every (s)", Kind.NUMBER, default=10, hint="1 for all of a DSMR 5 meter."),
        ),
        requires=("dsmr-parser",),
        sdk=2,
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._every_s = max(1.0, float(self.setting("every_s", 10) or 1))
        told = self.description.get("telegram")
        found = [point_of(str(key)) for key in told] if isinstance(told, Mapping) else []
        every_s = max(LIVE_S, self._every_s)
        self._points = {point.key: replace(point, every_s=every_s) for point in found if point}

    def station(self) -> Station:
        return Station(self.native_id, self.about.framing, listens=True)

    def points(self) -> Iterable[Point]:
        return self._points.values()

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        said = read(frame.data)
        readings = [*_electricity(said), *_meters(said)]
        fresh = {reading.point: 1 for reading in readings if reading.point not in self._points}
        found: list[Decoded] = [reading for reading in readings if reading.point in self._points]
        if fresh:
            found.append(
                Announcement(
                    self.native_id, "telegram", fresh, vendor="DSMR", model=said.header, serial=said.serial, merge="add"
                )
            )
        return found

    def identity(self, frame: Frame) -> str | None:
        """The span of the meter's own time that a telegram falls in; none where it does not tell the time."""
        at = read(frame.data).at
        return None if at is None else str(int(at.timestamp() // self._every_s))


def _electricity(said: Telegram) -> Iterable[Reading]:
    at_us = _us(said.at)
    for name, (value, unit) in said.electricity.items():
        point = ELECTRICITY[name]
        if point.kind is Kind.CHOICE:
            yield Reading(point.key, str(value).lstrip("0") or "0", at_us=at_us)
        else:
            yield _measured(point, point.key, float(value), unit, at_us)


def _meters(said: Telegram) -> Iterable[Reading]:
    for meter in said.meters:
        point = MEDIA.get(meter.medium)
        if point is not None:
            reading = _measured(point, f"{point.key}_{meter.channel}", meter.value, meter.unit, _us(meter.at))
            yield replace(reading, quality=Quality.UNCERTAIN) if _is_old(meter, said.at) else reading


def _measured(point: Point, key: str, value: float, unit: str, at_us: int | None) -> Reading:
    """A reading in the point's unit; uncertain where the meter counts in another."""
    wanted, factor = UNITS.get(unit, (unit, 1))
    value = round(value * factor, 6) if factor != 1 else value
    return Reading(key, value, Quality.GOOD if wanted == point.unit else Quality.UNCERTAIN, at_us)


def _is_old(meter: SubMeter, now: datetime | None) -> bool:
    return meter.at is not None and now is not None and (now - meter.at).total_seconds() > OLD_S


def _us(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) * 1_000_000
