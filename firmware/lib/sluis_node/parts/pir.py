"""PIR sensor, radar, or anything else with an output that says that somebody moves."""

import time

from sluis_node.fields import Choice, Flag, Number, Pin
from sluis_node.part import Part


class Pir(Part):
    FIELDS = {
        "pin": Pin(),
        "inverted": Flag(False),
        "quantity": Choice("motion", ("motion", "occupancy", "presence")),
        "settle_s": Number(60, 0, 300),
    }
    EVERY_S = 300  # told at every change as well
    CHECK = "Wave at it: does its output change? It wants 5 V and a minute of quiet after it was switched on."

    def points(self):
        return {"": {"kind": "switch", "quantity": self.settings["quantity"]}}

    def start(self):
        from machine import Pin

        self._began = time.ticks_ms()
        self._pin = Pin(self.settings["pin"], Pin.IN, Pin.PULL_UP if self.settings["inverted"] else Pin.PULL_DOWN)
        self.watch(self._pin, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    async def read(self):
        """Nothing until it has settled: before that it sees movement that there is not."""
        settled = time.ticks_diff(time.ticks_ms(), self._began) >= self.settings["settle_s"] * 1000
        return await self.test() if settled else {"": None}

    async def pause(self):
        left_ms = int(self.settings["settle_s"] * 1000) - time.ticks_diff(time.ticks_ms(), self._began)
        await self.pause_ms(min(left_ms, self.every_ms()) if left_ms > 0 else self.every_ms())

    async def test(self):
        return {"": bool(self._pin.value()) is not self.settings["inverted"]}


PART = Pir
