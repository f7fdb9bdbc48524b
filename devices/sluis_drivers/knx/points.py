"""KNX group addresses as the points of a device, by a map that a person writes.

Models: every KNX installation; what belongs together (a room, a blind, a meter) becomes one device.

    LINK/1/0/2     00 80+B | 00 40+B           a value of one bit: written, or answered
                   00 80 V... | 00 40 V...     a value of whole bytes
                   00 00                       somebody asks

    B 0 or 1 | V... as the datapoint type says, high byte first
The map is TOML, a table a point: `dpt` its datapoint type, `set` the group address that commands go to, `get` the one
that shows its state (`set`, where there is no other).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sluis.model import ConfigError, OutOfRange
from sluis.model.units import fits
from sluis.sdk import (
    About,
    Ask,
    Command,
    Decoded,
    Driver,
    Frame,
    Grade,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Station,
    Value,
)
from sluis.sdk.payload import no_such_point
from sluis.sdk.tables import Keys
from sluis.wire import knx
from sluis_drivers.knx.datapoints import Datapoint, datapoint

NUMBER = (int, float)
KEYS: Mapping[str, type | tuple[type, ...]] = {
    "dpt": str,
    "set": str,
    "get": str,
    "name": str,
    "quantity": str,
    "unit": str,
    "category": str,
    "minimum": NUMBER,
    "maximum": NUMBER,
    "every_s": NUMBER,
    "invert": bool,
    "event": bool,
}
COPIED = ("name", "quantity", "unit", "category", "minimum", "maximum", "every_s")
"""Keys that are taken over into the point as they are."""
MAP_MAX = 60_000
"""Characters of a map; some 500 points."""


@dataclass(frozen=True, slots=True)
class Wired:
    """One point and the group addresses it lives on."""

    point: Point
    type: Datapoint
    set: str
    get: str
    invert: bool
    event: bool

    def said(self, value: bytes) -> Decoded:
        read = self.type.read(value)
        read = not read if self.invert else read
        return self.point.occurred("on" if read else "off") if self.event else self.point(read)

    def wished(self, value: Value | None) -> bytes:
        if self.event:
            if value not in (None, "on", "off"):
                raise OutOfRange(f"{self.point.key} is `on` or `off`")
            value = value != "off"
        elif self.invert and isinstance(value, bool):
            value = not value
        return self.type.write(self.point.key, value)


class KnxPoints(Driver):
    """What a person puts together of group addresses. Its native id is `LINK/name`."""

    about = About(
        key="knx-points",
        vendor="KNX",
        models=("group addresses",),
        match=LinkMatch(kinds=("knx",)),
        sources=("KNX Standard 2.1: 03/03/07 Application Layer, 03/07/02 Datapoint Types", "xknx 4.0"),
        grade=Grade.GOLD,
        proven="knxd 0.14 with a second KNX/IP tunnel as the device",
        exemptions={"writable points perform": "a colour point takes #rrggbb only; the frames file sets every kind"},
        setup=(
            Ask(
                "points",
                "Group addresses",
                required=True,
                hint="TOML, a table a point. See docs/drivers/knx-points.md.",
            ),
        ),
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        """ConfigError when the map is wrong."""
        super().__init__(native_id, description)
        self._link = native_id.partition("/")[0]
        text = self.setting("points")
        self._wired = tuple(_wired(key, said) for key, said in _tables(str(text)).items()) if text else ()

    def topics(self) -> Iterable[str]:
        return tuple(dict.fromkeys(f"{self._link}/{one.get}" for one in self._wired))

    def station(self) -> Station:
        """The link asks for the values once it is connected; events have none."""
        read = tuple(dict.fromkeys(one.get for one in self._wired if not one.event))
        return Station(self.native_id, listens=True, settings={"read": read})

    def points(self) -> Iterable[Point]:
        return [one.point for one in self._wired]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        mine = [one for one in self._wired if f"{self._link}/{one.get}" == frame.source]
        if not mine:
            raise NotMine
        group = knx.parse(frame.data)
        if group.service == knx.READ:
            return []
        return [one.said(_sized(one, group)) for one in mine if not (one.event and group.service == knx.RESPONSE)]

    async def perform(self, link: Link, command: Command) -> None:
        for one in self._wired:
            if one.point.key == command.point and one.point.writable:
                group = knx.Group(knx.WRITE, one.wished(command.value), one.type.small)
                await link.send(knx.build(group), to=f"{self._link}/{one.set}")
                return
        raise no_such_point(command.point)


def _sized(one: Wired, group: knx.Group) -> bytes:
    """The value, where it is as long as its type says. Whoever mixes types on one address is somebody else."""
    if group.small != one.type.small:
        raise NotMine
    return group.value


def _tables(text: str) -> dict[str, Any]:
    if len(text) > MAP_MAX:
        raise ConfigError(f"is longer than {MAP_MAX} characters", where="points")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"is no TOML: {error}", where="points") from None


def _wired(key: str, said: Any) -> Wired:
    """One table of the map. ConfigError names the key that is wrong."""
    table = Keys(said, f"points: {key}", KEYS)
    dpt = table.need("dpt")
    try:
        type_ = datapoint(dpt)
    except LookupError:
        raise table.wrong(
            "dpt", f"{dpt!r:.20} is no datapoint type that can be shown", "such as 1.001, 5.001"
        ) from None
    sets, gets = table.get("set", ""), table.get("get", "")
    for name, address in (("set", sets), ("get", gets)):
        if address and not knx.is_address(address):
            raise table.wrong(name, f"{address!r:.20} is no group address", "main/middle/sub, such as 1/0/27")
    if not (sets or gets):
        raise table.wrong("get", "is missing, and so is `set`")
    event, invert = table.get("event", False), table.get("invert", False)
    if (event or invert) and not type_.small:
        raise table.wrong("event" if event else "invert", "goes with one bit only", "1.xxx")
    about = {**type_.about, **{name: table.said[name] for name in COPIED if name in table.said}}
    if event:
        about |= {"kind": Kind.TRIGGER, "options": ("on", "off"), "quantity": table.get("quantity", "button")}
    point = Point(key=key, writable=bool(sets), **about)
    problem = fits(point) or ("has blanks or slashes in its name" if " " in key or "/" in key else "")
    if problem:
        raise ConfigError(problem, where=f"points: {key}")
    return Wired(point, type_, sets, gets or sets, invert, event)
