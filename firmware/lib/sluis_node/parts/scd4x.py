"""SCD40, SCD41: carbon dioxide, with temperature and humidity, on I2C.

Source: Sensirion SCD4x data sheet version 1.3 (September 2022), 3.4 to 3.8 (commands), 3.11 (CRC).

    21B1 measure every 5 s   3F86 stop (500 ms)   E4B8 -> R R C  ready unless the low 11 bits are 0
    EC05 ->  K K C T T C H H C     carbon dioxide in ppm, temperature, humidity; each with a CRC-8
    2427 altitude in m   241D offset of temperature   2416 self-calibration; each a word with its CRC
"""

import asyncio

from sluis_node.fields import Bus, Flag, Number
from sluis_node.i2c import I2cPart, crc8
from sluis_node.part import Fault

START, STOP, READY, READ = b"\x21\xb1", b"\x3f\x86", b"\xe4\xb8", b"\xec\x05"
ALTITUDE, OFFSET, CALIBRATE = b"\x24\x27", b"\x24\x1d", b"\x24\x16"
STOP_MS = 500
READY_MS = 7000
"""It measures every 5 s; the rest is for the first time after a start."""

LOOK_MS = 100


class Scd4x(I2cPart):
    FIELDS = {
        "bus": Bus("i2c"),
        "altitude_m": Number(0, 0, 3000, True),
        "offset": Number(4, 0, 20),
        "self_calibration": Flag(True),
    }
    ADDRESS = "0x62"
    EVERY_MIN_S = 5

    def points(self):
        every_s = self.settings["every_s"]
        return {
            "co2": {"quantity": "carbon_dioxide", "unit": "ppm", "min": 200, "max": 40000, "every_s": every_s},
            "temperature": {"quantity": "temperature", "unit": "°C", "min": -10, "max": 60, "every_s": every_s},
            "humidity": {"quantity": "humidity", "unit": "%", "min": 0, "max": 100, "every_s": every_s},
        }

    def start(self):
        super().start()
        self._begun = False

    async def read(self):
        if not self._begun:
            await self._begin()
        for _ in range(READY_MS // LOOK_MS):
            if await self._ask(READY, 1, 0x7FF):
                break
            await asyncio.sleep_ms(LOOK_MS)
        else:
            raise Fault("the sensor has nothing to tell: does its supply give 205 mA for a moment?")
        co2, temperature, humidity = await self._ask(READ, 3)
        return {
            "co2": co2,
            "temperature": round(-45 + 175 * temperature / 65535, 2),
            "humidity": round(100 * humidity / 65535, 1),
        }

    async def _begin(self):
        """Settings are only taken while it does not measure, and it may do so since before this node started."""
        self.tell(STOP)
        await asyncio.sleep_ms(STOP_MS)
        settings = self.settings
        offset = int(settings["offset"] * 65535 / 175 + 0.5)
        told = ((ALTITUDE, settings["altitude_m"]), (OFFSET, offset), (CALIBRATE, int(settings["self_calibration"])))
        for command, value in told:
            word = bytes((value >> 8, value & 0xFF))
            self.tell(command + word + bytes((crc8(word),)))
            await asyncio.sleep_ms(1)
        self.tell(START)
        self._begun = True

    async def _ask(self, command, count, mask=0):
        self.tell(command)
        await asyncio.sleep_ms(1)
        words = self.words(count)
        return words[0] & mask if mask else words


PART = Scd4x
