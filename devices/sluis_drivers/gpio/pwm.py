"""A dimmed output on a pin: LED driver, fan, 0-10 V converter with a PWM input.

Knowledge: the gpio link's own frames (`sluis.links.gpio.link`).

    {"duty": 0.4}
             DDD
    D  part of the time that it is on: 0 is off, 1 fully on; as report and as command
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sluis.model import OutOfRange
from sluis.sdk import About, Announcement, Command, Decoded, Driver, Frame, Grade, Implausible, Link, Point
from sluis.sdk.payload import no_such_point, number_of, wished_number
from sluis_drivers.gpio.pins import PINS, QUIET_S, announced, pin_frame


class Pwm(Driver):
    about = About(
        key="gpio-pwm",
        vendor="GPIO",
        models=("dimmed output on a pin",),
        match=PINS,
        sources=("docs/how-to/gpio.md",),
        grade=Grade.SILVER,
    )

    level = Point(unit="%", minimum=0, maximum=100, step=1, writable=True, every_s=QUIET_S)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Announcement]:
        return announced(frame, "pwm", "dimmed output")

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        duty = number_of(pin_frame(self.native_id, frame).get("duty"))
        if not 0 <= duty <= 1:
            raise Implausible(f"a duty of {duty:g}")
        yield self.level(round(duty * 100, 2))

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "level":
            raise no_such_point(command.point)
        percent = wished_number("level", command.value)
        if not 0 <= percent <= 100:
            raise OutOfRange(f"level is 0 to 100 %, not {percent:g}")
        await link.send(json.dumps({"duty": percent / 100}).encode(), to=self.native_id)
