"""Lights on a DMX universe, by Art-Net or sACN, by a map that a person writes.

Models: every Art-Net or sACN node and the dimmers and RGB(W) lights behind it.

    udp:HOST:6454   ArtDmx, universe, 512 slots          (to the node)
    udp:HOST:5568   E1.31 data packet, universe, slots   (to the node, or to 239.255.U.U)

A DMX light says nothing, so what is commanded is what is shown. It also forgets: a node that hears nothing for 2.5 s
(sACN) lets go of its lights. So the universe is told again every 0.8 s from the first command on; before that nothing
is sent, and a restarted gateway darkens nothing. The levels are this instance's own: they are the protocol's state,
as a counter is of others.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from sluis.model import ConfigError, OutOfRange
from sluis.sdk import (
    About,
    Ask,
    Command,
    Decoded,
    Driver,
    Frame,
    Framing,
    Grade,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Value,
)
from sluis.sdk.payload import no_such_point, wished_number, wished_word
from sluis.sdk.tables import Keys
from sluis.wire import dmx

AGAIN_S = 0.8
"""E1.31 section 6.6.1: a sender repeats at least every 800 to 1,000 ms; a receiver gives up after 2.5 s. Art-Net asks
for 800 to 1,000 ms too."""
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
KEYS: Mapping[str, type | tuple[type, ...]] = {"type": str, "address": int, "name": str}
WIDTHS: Mapping[str, int] = {"dimmer": 1, "dimmer16": 2, "rgb": 3, "rgbw": 4}
"""Type of a light -> slots it takes."""
MAP_MAX = 60_000


class Light:
    """One light: where its slots are, and how bright and of which colour it is to be."""

    def __init__(self, key: str, said: Any) -> None:
        """ConfigError names what is wrong in its table."""
        table = Keys(said, f"lights: {key}", KEYS)
        self.key = key
        self.type = table.among("type", "dimmer", WIDTHS)
        self.start = table.need("address") - 1
        table.between("address", 1, 1, dmx.SLOTS - WIDTHS[self.type] + 1)
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", key):
            raise ConfigError("has blanks or slashes in its name", where=f"lights: {key}")
        self.name = table.get("name", "")
        self.level = 0.0
        self.colour = b"\xff\xff\xff"
        self.white = 0.0

    @property
    def slots(self) -> range:
        return range(self.start, self.start + WIDTHS[self.type])

    def points(self) -> list[Point]:
        shape: dict[str, Any] = {
            "unit": "%",
            "minimum": 0,
            "maximum": 100,
            "writable": True,
            "meta": {"optimistic": True},
        }
        found = [Point(key=self.key, name=self.name, **shape)]
        if self.type.startswith("rgb"):
            found.append(
                Point(
                    key=f"{self.key}_color",
                    name=f"{self.name} color".strip(),
                    kind=Kind.TEXT,
                    writable=True,
                    meta=shape["meta"],
                )
            )
        if self.type == "rgbw":
            found.append(Point(key=f"{self.key}_white", name=f"{self.name} white".strip(), **shape))
        return found

    def wish(self, point: str, value: Value | None) -> None:
        """OutOfRange when the value does not fit."""
        if point == f"{self.key}_color":
            text = wished_word(point, value)
            if not COLOUR.fullmatch(text):
                raise OutOfRange(f"{point}: {text[:20]!r} is no colour; write #rrggbb")
            self.colour = bytes.fromhex(text[1:])
            return
        number = wished_number(point, value)
        if not 0 <= number <= 100:
            raise OutOfRange(f"{point} takes 0 to 100 %, not {number:g}")
        if point == self.key:
            self.level = number
        else:
            self.white = number

    def values(self) -> bytes:
        """Its slots: the level is mixed into the colours, for lights without a dimmer of their own."""
        if self.type == "dimmer":
            return bytes([round(self.level * 255 / 100)])
        if self.type == "dimmer16":
            return round(self.level * 65535 / 100).to_bytes(2, "big")
        colours = [*self.colour, *([round(self.white * 255 / 100)] if self.type == "rgbw" else [])]
        return bytes(round(one * self.level / 100) for one in colours)


class DmxUniverse(Driver):
    """One universe of one node. Its native id is `udp:HOST:PORT`."""

    about = About(
        key="dmx-universe",
        vendor="DMX",
        models=("Art-Net", "sACN"),
        match=LinkMatch(kinds=("net",)),
        sources=("Art-Net 4, protocol release V1.4dp", "ANSI E1.31-2018"),
        grade=Grade.GOLD,
        proven="receivers of the packages sacn and aioartnet",
        framing=Framing("datagram"),
        setup=(
            Ask("protocol", "Protocol", options=("sacn", "artnet"), default="sacn"),
            Ask("universe", "Universe", Kind.NUMBER, default=1),
            Ask("lights", "Lights", required=True, hint="TOML, a table a light. See docs/drivers/dmx-universe.md."),
        ),
        exemptions={
            "trouble: reconnect": "each packet has the next sequence number: no two are the same",
            "has a damaged frame": "a DMX light says nothing, whole or damaged",
            "writable points perform": "a colour point takes #rrggbb only; the frames file sets every kind",
        },
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        """ConfigError when the map is wrong."""
        super().__init__(native_id, description)
        self._artnet = self.setting("protocol") == "artnet"
        self._universe = self._told_universe()
        self._lights = [Light(key, said) for key, said in _tables(str(self.setting("lights"))).items()]
        _refuse_overlaps(self._lights)
        self._cid = hashlib.sha256(native_id.encode()).digest()[:16]
        self._sequence = 0
        self._commanded = False

    def points(self) -> Iterable[Point]:
        return [point for light in self._lights for point in light.points()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        raise NotMine

    def poll_every_s(self) -> float:
        return AGAIN_S

    async def poll(self, link: Link) -> None:
        """The universe once more, when there is anything to keep up."""
        if self._commanded:
            await link.send(self._packet(), to=self.native_id)

    async def perform(self, link: Link, command: Command) -> None:
        for light in self._lights:
            if command.point in [point.key for point in light.points()]:
                light.wish(command.point, command.value)
                self._commanded = True
                await link.send(self._packet(), to=self.native_id)
                return
        raise no_such_point(command.point)

    def _packet(self) -> bytes:
        slots = bytearray(dmx.SLOTS)
        for light in self._lights:
            slots[light.slots.start : light.slots.stop] = light.values()
        self._sequence = self._sequence % 255 + 1
        if self._artnet:
            return dmx.artdmx(self._universe, self._sequence, bytes(slots))
        return dmx.sacn(self._cid, "Sluis", self._universe, self._sequence, bytes(slots))

    def _told_universe(self) -> int:
        told = self.setting("universe", 1)
        low, high = (0, dmx.ARTNET_UNIVERSES) if self._artnet else (1, dmx.SACN_UNIVERSES)
        if type(told) is not int or not low <= told <= high:
            raise ConfigError(
                f"{told!r:.20} is no universe", where="dmx-universe: universe", allowed=f"{low} to {high}"
            )
        return told


def _tables(text: str) -> dict[str, Any]:
    if len(text) > MAP_MAX:
        raise ConfigError(f"is longer than {MAP_MAX} characters", where="lights")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}", where="lights") from None


def _refuse_overlaps(lights: Iterable[Light]) -> None:
    taken: dict[int, str] = {}
    keys: set[str] = set()
    for light in lights:
        for slot in light.slots:
            if slot in taken:
                raise ConfigError(f"shares slot {slot + 1} with {taken[slot]}", where=f"lights: {light.key}")
            taken[slot] = light.key
        for point in light.points():
            if point.key in keys:
                raise ConfigError(f"there is a point {point.key} already", where=f"lights: {light.key}")
            keys.add(point.key)
