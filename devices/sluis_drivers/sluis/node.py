"""Sluis node: plain JSON telemetry over MQTT, with a number on every message.

Models: any microcontroller or program that speaks docs/reference/node-telemetry.md (version 1).

    sluis/<id>/announce    retained  {"name", "vendor", "model", "firmware", "points": {KEY: {...}}}
    sluis/<id>/status      retained  online | offline (will)
    sluis/<id>/telemetry             {"boot": B, "seq": N, "at": T?, KEY: VALUE, ...}
    sluis/<id>/set/<KEY>             VALUE as JSON                                     (to the node)
    sluis/<id>/do                    {"call": C, "do": DOES}                           (to the node)

    B boot id, new at every start | N counts up from 0 in one boot | T Unix seconds of measurement, float
    KEY a point of the announcement: {"quantity", "unit", "kind", "min", "max", "every_s", "options", "writable",
    "proof", "category", "name"}; all optional. Unknown keys of a telemetry message are passed over.
    DOES what the node can be asked, listed in the announcement as "does"; `identify` and `restart` become points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sluis.model.units import quantity_for
from sluis.sdk import (
    About,
    Announcement,
    Availability,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Implausible,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Point,
    Presence,
    Reading,
    Sniffed,
)
from sluis.sdk.payload import dict_of

RESERVED = frozenset({"boot", "seq", "at"})
SCALARS = (float, int, bool, str)
ASKED = ("identify", "restart")
"""Of what a node can be asked, that which anybody may want of a device; the rest is for enrolment and technicians."""

MAX_POINTS = 200
"""A node with more points than this is not a node; the announcement is refused so that it costs us nothing."""


class Node(Driver):
    """A node's points are those it announced."""

    about = About(
        key="sluis-node",
        vendor="Sluis",
        models=("node",),
        match=MqttMatch(("sluis/+/announce",)),
        sources=("docs/reference/node-telemetry.md, version 1",),
        grade=Grade.SILVER,
        proven="the node firmware on MicroPython, over TLS, in the whole gateway",
        acl=(
            ">sluis/{id}/announce",
            ">sluis/{id}/status",
            ">sluis/{id}/telemetry",
            "<sluis/{id}/set/#",
            "<sluis/{id}/do",
            ">sluis/{id}/did",
            ">sluis/{id}/update",
            ">sluis/{id}/updating",
            ">sluis/{id}/get",
            "<sluis/{id}/chunk",
            ">homeassistant/device/{id}/config",
            "<homeassistant/status",
        ),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        told = dict_of(self.description.get(""))
        points = dict_of(told.get("points"))
        asked = (_asked(key) for key in told.get("does", ()) if key not in points)
        self._points = {point.key: point for point in asked}
        self._asked = frozenset(self._points)
        self._points |= {key: _point(key, about) for key, about in points.items()}
        self._telemetry = f"sluis/{native_id}/telemetry"

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        root, _, native_id = frame.source.removesuffix("/announce").partition("/")
        if root != "sluis" or not native_id or "/" in native_id:
            raise NotMine
        if not frame.data:
            return [Announcement(native_id, content=None)]
        said = _json(frame.data)
        points = said.get("points", {})
        if not isinstance(points, dict) or len(points) > MAX_POINTS:
            raise Implausible("points is not an object of at most 200 points")
        for key, about in points.items():
            _point(key, about)
        does = said.get("does")
        content: dict[str, Any] = {"points": points}
        if isinstance(does, list):
            content["does"] = [key for key in ASKED if key in does]
        text = {key: str(said.get(key, ""))[:80] for key in ("name", "vendor", "model", "firmware")}
        return [Announcement(native_id, content=content, **text)]

    def topics(self) -> Iterable[str]:
        return (self._telemetry, f"sluis/{self.native_id}/status")

    def points(self) -> Iterable[Point]:
        return self._points.values()

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self._telemetry:
            return [_presence(frame)]
        said = _json(frame.data)
        at_us = _instant(said.get("at"))
        points = self._points
        found: list[Decoded] = []
        for key, value in said.items():
            if key in points:
                if not isinstance(value, SCALARS):
                    raise Implausible(f"{key} is neither a number, a text nor true or false")
                found.append(Reading(key, value, at_us=at_us))
        return found

    def identity(self, frame: Frame) -> str | None:
        if frame.source != self._telemetry:
            return None
        said = _json(frame.data)
        boot, seq = said.get("boot"), said.get("seq")
        return None if boot is None or seq is None else f"{boot}:{seq}"

    async def perform(self, link: Link, command: Command) -> None:
        if command.point in self._asked:
            question = {"call": command.id, "do": command.point}
            await link.send(msgspec.json.encode(question), to=f"sluis/{self.native_id}/do")
        else:
            await link.send(msgspec.json.encode(command.value), to=f"sluis/{self.native_id}/set/{command.point}")


def _asked(key: str) -> Point:
    return Point(key=key, kind=Kind.TRIGGER, writable=True, category="config")


def _json(data: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Implausible(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Implausible("not a JSON object")
    return said


def _presence(frame: Frame) -> Presence:
    word = frame.data.decode("ascii", "replace")
    if word not in ("online", "offline"):
        raise NotMine
    return Presence(Availability(word), reason="will" if word == "offline" else "device says so")


def _instant(at: object) -> int | None:
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 < at < 4e9:
        raise Implausible(f"at is {at!r}, not Unix seconds")
    return int(at * 1e6)


def _point(key: str, about: object) -> Point:
    if not isinstance(about, dict) or key in RESERVED or not 0 < len(key) <= 64 or set(key) & set("/+# "):
        raise Implausible(f"{key!r} cannot be a point")
    try:
        kind = Kind(about.get("kind", "number"))
        unit = str(about.get("unit", ""))[:20] if kind is Kind.NUMBER else ""
        return Point(
            quantity=quantity_for(str(about.get("quantity", "")), unit, kind),
            unit=unit,
            kind=kind,
            minimum=_number(about.get("min")),
            maximum=_number(about.get("max")),
            every_s=_number(about.get("every_s")),
            options=tuple(map(str, about.get("options", ()))),
            writable=about.get("writable") is True,
            proof=str(about.get("proof", "")),
            category=str(about.get("category", "")),
            name=str(about.get("name", "")),
            key=key,
        )
    except (ValueError, TypeError) as error:
        raise Implausible(f"{key}: {error}") from error


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
