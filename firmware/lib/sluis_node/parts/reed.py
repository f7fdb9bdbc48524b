"""Reed contact: a door or window that is open or closed, or any other dry contact between a pin and ground."""

import asyncio

from sluis_node.fields import Choice, Flag, Number, Pin
from sluis_node.part import Part


class Reed(Part):
    FIELDS = {
        "pin": Pin(),
        "inverted": Flag(False),
        "quantity": Choice("door", ("door", "window", "garage_door", "opening", "moisture", "tamper")),
        "settle_ms": Number(20, 0, 1000, True),
    }
    EVERY_S = 300  # told at every change as well
    CHECK = "Open and close it: does it change? Are both wires connected, one of them to ground?"

    def points(self):
        return {"": {"kind": "switch", "quantity": self.settings["quantity"]}}

    def start(self):
        from machine import Pin

        self._pin = Pin(self.settings["pin"], Pin.IN, Pin.PULL_UP)
        self.watch(self._pin, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    async def read(self):
        await asyncio.sleep_ms(self.settings["settle_ms"])  # a contact bounces
        return {"": bool(self._pin.value()) is not self.settings["inverted"]}


PART = Reed
