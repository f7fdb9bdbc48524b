"""A meter that gives a pulse for so much of something, on a pin reserved as a counter."""

from __future__ import annotations

from typing import Any

DRIVER = '''"""$vendor $model: pulses on a pin.

Models: $model.

    <pin>/about   {"name": N, "kind": "counter", ...}     the pin is reserved under a name that begins with $key
    <pin>         {"count": C, ...}                       CHANGE: what a pulse of your device is worth

    N name of the pin | C pulses since it was first counted
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import About, Announcement, Decoded, Driver, Frame, Implausible, LinkMatch, NotMine, Point, Sniffed
from sluis.sdk.payload import number_of, object_of

LITRES = 1.0
"""What one pulse stands for. CHANGE: it is on the meter's plate."""


class $name(Driver):
    """One $vendor $model."""

    about = About(
        key="$key",
        vendor="$vendor",
        models=("$model",),
        match=LinkMatch(("+/about",), kinds=("gpio",)),
        sources=("CHANGE: where the knowledge comes from, with version",),
        sdk=$sdk,
    )

    water = Point("water", "L", minimum=0, every_s=60)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        said = object_of(frame.data)
        if said.get("kind") != "counter" or not str(said.get("name")).startswith("$key"):
            raise NotMine
        native_id = frame.source.removesuffix("/about")
        return [Announcement(native_id, name=str(said["name"]), vendor="$vendor", model="$model")]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        count = number_of(object_of(frame.data).get("count"))
        if count < 0:
            raise Implausible("fewer than no pulses")
        return [self.water(count * LITRES)]
'''

STAND_IN = '''"""Stand-in for a $vendor $model: a pulse a second. Play it: sluis driver simulate $file"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk.standin import StandIn


class $name(StandIn):
    kind = "gpio"
    every_s = 1.0

    def says(self) -> Iterable[tuple[str, bytes]]:
        yield "GPIO17", b"0"
        yield "GPIO17", b"1"
'''


def lines(key: str) -> list[dict[str, Any]]:
    """Its frames, without what the driver makes of them."""
    about = {"name": f"{key}-1", "kind": "counter", "gpio": 17}
    return [
        {"name": "the pin", "topic": "GPIO17/about", "json": about},
        {"name": "a count", "topic": "GPIO17", "json": {"count": 1042, "level": 0}},
        {"name": "damaged: no count", "topic": "GPIO17", "json": {"level": 0}, "device": "GPIO17"},
        {"name": "foreign: another pin", "topic": "GPIO27", "json": {"count": 1}, "device": "GPIO17"},
        {"name": "foreign: a pin for something else", "topic": "GPIO27/about", "sniff": True,
         "json": about | {"name": "door"}, "error": "frame.not-mine"},
    ]  # fmt: skip
