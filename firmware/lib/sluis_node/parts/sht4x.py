"""SHT40, SHT41, SHT45: temperature and humidity on I2C.

Source: Sensirion SHT4x data sheet version 6 (February 2023), 4.4 (CRC), 4.5 (commands), 4.6 (formulas).

    FD ->  T T C H H C     a measurement of high precision: two words, a CRC-8 behind each
"""

import asyncio

from sluis_node.fields import Bus, Choice, Number
from sluis_node.i2c import I2cPart

MEASURE = b"\xfd"
MEASURE_MS = 10
"""The longest it takes is 8.3 ms; before that, the chip does not acknowledge."""


class Sht4x(I2cPart):
    FIELDS = {
        "bus": Bus("i2c"),
        "address": Choice("0x44", ("0x44", "0x45", "0x46")),
        "offset": Number(0, -10, 10),
    }

    def points(self):
        every_s = self.settings["every_s"]
        return {
            "temperature": {"quantity": "temperature", "unit": "°C", "min": -40, "max": 125, "every_s": every_s},
            "humidity": {"quantity": "humidity", "unit": "%", "min": 0, "max": 100, "every_s": every_s},
        }

    async def read(self):
        self.tell(MEASURE)
        await asyncio.sleep_ms(MEASURE_MS)
        celsius, percent = converted(*self.words(2))
        return {"temperature": round(celsius + self.settings["offset"], 2), "humidity": percent}


def converted(temperature, humidity):
    """(degrees Celsius, percent). Humidity may come out beyond 0 and 100 and is cropped (4.6)."""
    return round(-45 + 175 * temperature / 65535, 2), round(min(max(-6 + 125 * humidity / 65535, 0), 100), 1)


PART = Sht4x
