"""`neopixel` for the unix port, as boards have it: a buffer in the strip's order, sent bit by bit."""

from machine import bitstream


class NeoPixel:
    ORDER = (1, 0, 2, 3)

    def __init__(self, pin, n, bpp=3):
        self._pin = pin
        self._pin.init(pin.OUT)
        self.n = n
        self.bpp = bpp
        self.buf = bytearray(n * bpp)

    def __setitem__(self, index, color):
        for which in range(self.bpp):
            self.buf[index * self.bpp + self.ORDER[which]] = color[which]

    def fill(self, color):
        for index in range(self.n):
            self[index] = color

    def write(self):
        bitstream(self._pin, 0, (400, 850, 800, 450), self.buf)
