"""VEML7700, VEML6030: light in lux on I2C, from moonlight to the sun: it finds its own sensitivity.

Source: Vishay VEML7700 data sheet 84286 rev 1.8 (registers); application note 84323 (what a count is worth: 0.0042 lx
at gain 2 and 800 ms; the way through the sensitivities; the correction of gains 1/4 and 1/8).

    00 configuration: bits 12, 11 gain, 9 to 6 time, 0 off     04 light; all words with the low byte first
"""

import asyncio

from sluis_node.fields import Bus, Choice
from sluis_node.i2c import I2cPart
from sluis_node.part import Fault

LUX = 0.0042
STEPS = (
    (0x1300, 0.125, 25),
    (0x1200, 0.125, 50),
    (0x1000, 0.125, 100),
    (0x1800, 0.25, 100),
    (0x0000, 1, 100),
    (0x0800, 2, 100),
    (0x0840, 2, 200),
    (0x0880, 2, 400),
    (0x08C0, 2, 800),
)
"""Configuration, gain, milliseconds; from the least sensitive to the most."""

FIRST = 2
LOW, HIGH = 100, 10000
"""Counts between which a sensitivity is right (application note)."""

FULL = 65535
START_MS = 5
"""From off to measuring, 2.5 ms."""


class Veml7700(I2cPart):
    FIELDS = {"bus": Bus("i2c"), "address": Choice("0x10", ("0x10", "0x48"))}

    def points(self):
        every_s = self.settings["every_s"]
        return {"": {"quantity": "illuminance", "unit": "lx", "min": 0, "max": 150000, "every_s": every_s}}

    def start(self):
        super().start()
        self._step = FIRST
        self.registers(0x04, 2)

    async def read(self):
        up = down = False
        while True:
            counts = await self._counts(STEPS[self._step])
            if counts < LOW and self._step < len(STEPS) - 1 and not down:
                self._step += 1
                up = True
            elif counts > HIGH and self._step > 0 and (not up or counts == FULL):
                self._step -= 1
                down = True
            else:
                break
        if counts == FULL:
            raise Fault("there is more light than it can measure")
        return {"": lux(counts, STEPS[self._step][1], STEPS[self._step][2])}

    async def _counts(self, step):
        for off in (1, 0):  # begins a new measurement
            self.tell(bytes((0, step[0] & 0xFF | off, step[0] >> 8)))
        await asyncio.sleep_ms(START_MS + step[2] * 5 // 4)
        low, high = self.registers(0x04, 2)
        return low | high << 8


def lux(counts, gain, time_ms):
    """What so many counts mean."""
    found = counts * LUX * (2 / gain) * (800 / time_ms)
    if gain < 1:
        found = (((6.0135e-13 * found - 9.3924e-9) * found + 8.1488e-5) * found + 1.0023) * found
    return round(found, 2 if found < 100 else 0)


PART = Veml7700
