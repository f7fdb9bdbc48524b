"""Dimmer: a lamp, a fan or a heater behind a transistor, by pulse width."""

import asyncio

from sluis_node.fields import Choice, Flag, Number, Pin
from sluis_node.part import Actuator

SHOW_MS = 300
"""The test holds each level so long, so that a person sees it."""


class Dimmer(Actuator):
    FIELDS = {
        "pin": Pin(out=True),
        "hz": Number(1000, 50, 40000, True),
        "inverted": Flag(False),
        "safe": Number(0, 0, 100),
        "least": Number(0, 0, 50),
        "curve": Choice("linear", ("linear", "eye")),
    }
    CHECK = "Does the lamp follow? Check its supply and the transistor; set `inverted` when it is the wrong way round."

    @classmethod
    def hertz(cls, settings):
        return settings["hz"]

    def points(self):
        return {"": {"unit": "%", "min": 0, "max": 100, "step": 1, "writable": True}}

    def start(self):
        from machine import PWM, Pin

        self._now = self.settings["safe"]
        self._pwm = PWM(Pin(self.settings["pin"]), freq=self.settings["hz"], duty_u16=self._duty(self._now))

    def _duty(self, percent):
        """0 is off; above it, from `least`, below which the lamp would flicker; `eye` = as bright as it looks."""
        part = percent / 100
        if part and self.settings["curve"] == "eye":
            part *= part
        least = self.settings["least"] / 100
        duty = int(65535 * (least + (1 - least) * part) + 0.5) if percent else 0
        return 65535 - duty if self.settings["inverted"] else duty

    def _set(self, percent):
        self._now = percent
        self._pwm.duty_u16(self._duty(percent))

    async def read(self):
        return {"": self._now}

    async def write(self, suffix, value):
        self._set(value)

    def safe(self):
        self._set(self.settings["safe"])

    async def test(self):
        before = self._now
        try:
            for percent in (100, 50, 0):
                self._set(percent)
                await asyncio.sleep_ms(SHOW_MS)
        finally:
            self._set(before)
        return await self.read()


PART = Dimmer
