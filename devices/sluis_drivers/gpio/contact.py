"""A contact on a pin: door, window, smoke relay, leak detector, float switch.

Knowledge: the gpio link's own frames (`sluis.links.gpio.link`), docs/how-to/gpio.md for the wiring.

    {"level": 1}
              L
    L  1 the contact is on (the pin's `active_low` says which level that is), 0 it is off; debounced
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.model.units import SWITCHED
from sluis.sdk import About, Announcement, Ask, Decoded, Driver, Frame, Grade, Implausible, Kind, Point
from sluis_drivers.gpio.pins import PINS, QUIET_S, announced, pin_frame


class Contact(Driver):
    about = About(
        key="gpio-contact",
        vendor="GPIO",
        models=("contact on a pin",),
        match=PINS,
        sources=("docs/how-to/gpio.md",),
        grade=Grade.SILVER,
        setup=(Ask("shows", "What it shows", options=("", *sorted(SWITCHED)), hint="`door`, `window`, `smoke` ..."),),
    )

    contact = Point(kind=Kind.SWITCH, every_s=QUIET_S)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "input", "contact")

    def points(self) -> Iterable[Point]:
        shows = self.setting("shows")
        return (self.contact.named("contact", quantity=shows if shows in SWITCHED else ""),)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        level = pin_frame(self.native_id, frame).get("level")
        if level not in (0, 1) or isinstance(level, bool | float):
            raise Implausible(f"{str(level)[:40]!r} is no level")
        yield self.contact(level == 1)
