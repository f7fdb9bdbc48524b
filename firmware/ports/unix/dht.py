"""`dht` for the unix port: the reader as boards have it, of a simulated sensor's forty bits.

Source: Aosong AM2302 product manual: humidity and temperature in tenths, the latter with a sign bit; a sum of the four.
"""

from machine import world


class DHT22:
    def __init__(self, pin):
        self._pin = pin.id
        self._bits = bytes(5)

    def measure(self):
        told = world.at(self._pin).get("dht22")
        if told is None:
            raise OSError(110)
        bits = sent(told)
        if sum(bits[:4]) & 0xFF != bits[4]:
            raise Exception("checksum error")  # as the real one does
        self._bits = bits

    def humidity(self):
        return (self._bits[0] << 8 | self._bits[1]) * 0.1

    def temperature(self):
        tenths = ((self._bits[2] & 0x7F) << 8 | self._bits[3]) * 0.1
        return -tenths if self._bits[2] & 0x80 else tenths


def sent(told):
    """What the sensor puts on its wire."""
    humidity, celsius = int(round(told["humidity"] * 10)), int(round(abs(told["temperature"]) * 10))
    if told["temperature"] < 0:
        celsius |= 0x8000
    bits = bytes((humidity >> 8, humidity & 0xFF, celsius >> 8, celsius & 0xFF))
    return bits + bytes((sum(bits) & 0xFF ^ (1 if told.get("damage") else 0),))
