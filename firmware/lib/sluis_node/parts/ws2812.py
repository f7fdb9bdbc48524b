"""WS2812, SK6812: a strip of lamps, each with its colour, all alike here. Sent by MicroPython's own `neopixel`.

Source: Worldsemi WS2812B data sheet (24 bits a lamp: green, red, blue; some 60 mA a lamp at full white).
"""

import asyncio

from sluis_node.fields import Choice, Number, Pin
from sluis_node.part import Actuator

ORDERS = {"GRB": (1, 0, 2), "RGB": (0, 1, 2), "GRBW": (1, 0, 2, 3)}
SHOW_MS = 300


class Ws2812(Actuator):
    FIELDS = {
        "pin": Pin(out=True),
        "count": Number(8, 1, 300, True),
        "order": Choice("GRB", ("GRB", "RGB", "GRBW")),
        "limit": Number(100, 1, 100),
        "safe": Number(0, 0, 100),
    }
    CHECK = (
        "Do all lamps light in red, green and blue? Is the data wire at the strip's input, does its supply give "
        "60 mA a lamp, and is its ground joined to the board's?"
    )

    def points(self):
        return {
            "": {"unit": "%", "min": 0, "max": 100, "step": 1, "writable": True},
            "color": {"kind": "text", "writable": True},
        }

    def start(self):
        from machine import Pin
        from neopixel import NeoPixel

        order = ORDERS[self.settings["order"]]
        self._strip = NeoPixel(Pin(self.settings["pin"]), self.settings["count"], len(order))
        self._strip.ORDER = order
        self._color = (255, 255, 255)
        self._now = self.settings["safe"]
        self._show(self._color, self._now)

    def _show(self, color, percent):
        part = percent * self.settings["limit"] / 10000
        shown = tuple(int(each * part + 0.5) for each in color)
        if len(self._strip.ORDER) == 4:  # what all three have in common is the white lamp's
            white = min(shown)
            shown = tuple(each - white for each in shown) + (white,)
        self._strip.fill(shown)
        self._strip.write()

    async def read(self):
        return {"": self._now, "color": "#%02x%02x%02x" % self._color}

    async def write(self, suffix, value):
        if suffix:
            self._color = parsed(value)
        else:
            self._now = value
        self._show(self._color, self._now)

    def safe(self):
        self._now = self.settings["safe"]
        self._show(self._color, self._now)

    async def test(self):
        try:
            for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255)):
                self._show(color, 50)
                await asyncio.sleep_ms(SHOW_MS)
        finally:
            self._show(self._color, self._now)
        return await self.read()


def parsed(text):
    """(red, green, blue) of `#ff8800`. ValueError for anything else."""
    try:
        if len(text) == 7 and text[0] == "#":
            number = int(text[1:], 16)
            if number >= 0:
                return number >> 16, number >> 8 & 0xFF, number & 0xFF
    except ValueError:
        pass
    raise ValueError("must be a colour such as #ff8800")


PART = Ws2812
