"""Pulse counter: the S0 output of an energy meter, the reed contact of a water or gas meter.

Counts since the last start: a reader that adds up has to expect it to begin at 0 again.
"""

import time

from sluis_node.fields import Choice, Number, Pin, Text
from sluis_node.part import Part

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass


class PulseCounter(Part):
    FIELDS = {
        "pin": Pin(),
        "per_pulse": Number(1, 0.000001, 1000000),
        "unit": Text(""),
        "quantity": Choice("", ("", "energy", "water", "gas", "volume", "precipitation")),
        "debounce_ms": Number(10, 0, 1000, True),
    }
    CHECK = "Does the meter pulse? Check its two wires, their polarity (S0) and that nothing else is on the pin."

    def __init__(self, key, settings, buses):
        super().__init__(key, settings, buses)
        self.count = 0
        self._last: "Any" = 0

    def points(self):
        point = {"min": 0, "every_s": self.settings["every_s"]}
        for field in ("quantity", "unit"):
            if self.settings[field]:
                point[field] = self.settings[field]
        return {"": point}

    def start(self):
        from machine import Pin

        self._last = time.ticks_add(time.ticks_ms(), -self.settings["debounce_ms"])
        self._pin = Pin(self.settings["pin"], Pin.IN, Pin.PULL_UP)
        self._pin.irq(self._pulse, Pin.IRQ_FALLING)

    def _pulse(self, pin):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) >= self.settings["debounce_ms"]:
            self.count += 1
        self._last = now

    async def read(self):
        return {"": self.count * self.settings["per_pulse"]}


PART = PulseCounter
