"""An SCD4x (Sensirion data sheet version 1.3): idle or measuring; settings only while idle; data once each interval.

World: {"part": "scd4x", "co2": 500, "temperature": 25, "humidity": 37}; besides "every_ms": 5000, and "damage": true
for a wrong CRC.
"""

import time

from simulated.sht4x import word

IDLE_ONLY = (0x21B1, 0x2427, 0x241D, 0x2416)


class SIMULATED:
    def __init__(self):
        self.told = {}
        self.settings = {}
        self._measures = None
        self._answer = b""

    def write(self, data):
        command = data[0] << 8 | data[1]
        if command in IDLE_ONLY and self._measures is not None:
            raise OSError(19)
        for at in range(2, len(data), 3):
            value = data[at] << 8 | data[at + 1]
            if word(value) != data[at : at + 3]:
                raise OSError(19)
            self.settings[command] = value
        self._answer = b""
        if command == 0x21B1:
            self._measures = time.ticks_ms()
        elif command == 0x3F86:
            self._measures = None
        elif command == 0xE4B8:
            self._answer = word(0x8006 if self._ready() else 0x8000)
        elif command == 0xEC05 and self._ready():
            self._answer = self._measured()
            self._measures = time.ticks_ms()

    def _ready(self):
        every_ms = self.told.get("every_ms", 5000)
        return self._measures is not None and time.ticks_diff(time.ticks_ms(), self._measures) >= every_ms

    def _measured(self):
        celsius = int(round((self.told["temperature"] + 45) * 65535 / 175))
        found = word(self.told["co2"]) + word(celsius) + word(int(round(self.told["humidity"] * 65535 / 100)))
        return found[:-1] + bytes((found[-1] ^ 1,)) if self.told.get("damage") else found

    def read(self, size):
        if not self._answer:
            raise OSError(19)
        return self._answer[:size]
