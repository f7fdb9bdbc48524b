"""An SHT4x (Sensirion data sheet version 6): a command, some milliseconds, two words with their CRC.

World: {"part": "sht4x", "temperature": 21.5, "humidity": 45}; "damage": true for a wrong CRC.
"""

import time

LASTS_MS = {0xFD: 7, 0xF6: 4, 0xE0: 1}


def word(value):
    """Two bytes and their CRC-8, bit by bit."""
    data = bytes((value >> 8, value & 0xFF))
    crc = 0xFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = crc >> 7 ^ byte >> bit & 1
            crc = (crc << 1 & 0xFF) ^ (0x31 if top else 0)
    return data + bytes((crc,))


class SIMULATED:
    def __init__(self):
        self.told = {}
        self._ready = None

    def write(self, data):
        self._ready = time.ticks_add(time.ticks_ms(), LASTS_MS[data[0]]) if data and data[0] in LASTS_MS else None

    def read(self, size):
        if self._ready is None or time.ticks_diff(self._ready, time.ticks_ms()) > 0:
            raise OSError(19)
        self._ready = None
        celsius = word(int(round((self.told["temperature"] + 45) * 65535 / 175)))
        percent = word(int(round((self.told["humidity"] + 6) * 65535 / 125)))
        if self.told.get("damage"):
            percent = percent[:2] + bytes((percent[2] ^ 0x40,))
        return (celsius + percent)[:size]
