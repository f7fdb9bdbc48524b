"""An output on a pin: a relay, a lamp, a valve.

Knowledge: the gpio link's own frames (`sluis.links.gpio.link`), docs/how-to/gpio.md for wiring and safe states.

    {"level": 1}                 1 is on (the pin's `active_low` says which level that is)
    {"set": 1}                   the command
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sluis.model.units import SWITCHED
from sluis.sdk import About, Announcement, Ask, Command, Decoded, Driver, Frame, Grade, Implausible, Kind, Link, Point
from sluis.sdk.payload import no_such_point, wished_switch
from sluis_drivers.gpio.pins import PINS, QUIET_S, announced, pin_frame


class Output(Driver):
    about = About(
        key="gpio-output",
        vendor="GPIO",
        models=("output on a pin",),
        match=PINS,
        sources=("docs/how-to/gpio.md",),
        grade=Grade.SILVER,
        setup=(
            Ask("drives", "What it drives", options=("", *sorted(SWITCHED)), hint="`light`, `valve`, `outlet` ..."),
        ),
    )

    on = Point(kind=Kind.SWITCH, writable=True, every_s=QUIET_S)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "output", "output")

    def points(self) -> Iterable[Point]:
        drives = self.setting("drives")
        return (self.on.named("on", quantity=drives if drives in SWITCHED else ""),)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        level = pin_frame(self.native_id, frame).get("level")
        if level not in (0, 1) or isinstance(level, bool | float):
            raise Implausible(f"{str(level)[:40]!r} is no level")
        yield self.on(level == 1)

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "on":
            raise no_such_point(command.point)
        wished = wished_switch("on", command.value)
        await link.send(json.dumps({"set": int(wished)}).encode(), to=self.native_id)
