"""Relay, contactor, solid-state switch: anything that a level on one pin switches."""

import asyncio

from sluis_node.fields import Choice, Flag, Pin, Text
from sluis_node.part import Actuator, Fault

SETTLE_MS = 100
"""A mechanical relay moves in 5 to 15 ms. The test holds it longer, so that a person hears both clicks."""


class Relay(Actuator):
    FIELDS = {
        "pin": Pin(out=True),
        "inverted": Flag(False),
        "safe": Flag(False),
        "quantity": Choice("outlet", ("outlet", "switch")),
        "proof": Text(""),
    }
    CHECK = "Does the relay click and its lamp light? Check its supply; set `inverted` when it is the wrong way round."

    def points(self):
        point = {"quantity": self.settings["quantity"], "kind": "switch", "writable": True}
        if self.settings["proof"]:
            point["proof"] = self.settings["proof"]
        return {"": point}

    def start(self):
        from machine import Pin

        # The level comes with the direction, so the output never shows the wrong one.
        self._pin = Pin(self.settings["pin"], Pin.OUT, value=self._level(self.settings["safe"]))

    def _level(self, on):
        return int(on is not self.settings["inverted"])

    async def read(self):
        return {"": self._pin.value() == self._level(True)}

    async def write(self, suffix, value):
        self._pin.value(self._level(value))

    def safe(self):
        self._pin.value(self._level(self.settings["safe"]))

    async def test(self):
        before = self._pin.value()
        try:
            for level in (1 - before, before):
                self._pin.value(level)
                await asyncio.sleep_ms(SETTLE_MS)
                if self._pin.value() != level:
                    raise Fault("the pin does not follow: something else drives it, or it is shorted")
        finally:
            self._pin.value(before)
        return await self.read()


PART = Relay
