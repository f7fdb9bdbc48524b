"""Servo of a model: a valve, a flap or a blind that goes to an angle. A pulse every 20 ms says which."""

import asyncio

from sluis_node.fields import Flag, Number, Pin
from sluis_node.part import Actuator

HZ = 50
MOVE_MS = 600
"""A small servo takes 0.1 s for 60 degrees without a load."""

SWING = 10


class Servo(Actuator):
    FIELDS = {
        "pin": Pin(out=True),
        "min_us": Number(1000, 400, 2600, True),
        "max_us": Number(2000, 400, 2600, True),
        "angle": Number(90, 10, 360),
        "safe": Number(0, 0, 360),
        "rest": Flag(False),
    }
    CHECK = (
        "Does it move a little and back? It wants a supply of its own (5 V, 1 A) with its ground joined to the board's."
    )

    @classmethod
    def wrong(cls, settings):
        if settings["min_us"] >= settings["max_us"]:
            yield "max_us", "must be more than min_us"
        if settings["safe"] > settings["angle"]:
            yield "safe", "must be at most angle, which is %s" % settings["angle"]

    @classmethod
    def hertz(cls, settings):
        return HZ

    def points(self):
        return {"": {"unit": "°", "min": 0, "max": self.settings["angle"], "step": 1, "writable": True}}

    def start(self):
        from machine import PWM, Pin

        self._now = self.settings["safe"]
        self._pwm = PWM(Pin(self.settings["pin"]), freq=HZ, duty_ns=self._pulse_ns(self._now))

    def _pulse_ns(self, angle):
        low, high = self.settings["min_us"], self.settings["max_us"]
        return int(1000 * (low + (high - low) * angle / self.settings["angle"]) + 0.5)

    def _set(self, angle):
        self._now = angle
        self._pwm.duty_ns(self._pulse_ns(angle))

    async def read(self):
        return {"": self._now}

    async def write(self, suffix, value):
        self._set(value)
        if self.settings["rest"]:  # quiet, and cold, where nothing pushes back
            await asyncio.sleep_ms(MOVE_MS)
            if self._now == value:
                self._pwm.duty_ns(0)

    def safe(self):
        self._set(self.settings["safe"])

    async def test(self):
        before = self._now
        try:
            self._set(before + SWING if before + SWING <= self.settings["angle"] else before - SWING)
            await asyncio.sleep_ms(MOVE_MS)
        finally:
            self._set(before)
        await asyncio.sleep_ms(MOVE_MS)
        return await self.read()


PART = Servo
