"""A BME280: registers, forced measurements, and calibration as the chip's maker gives it in an example.

Source: Bosch BME280 data sheet BST-BME280-DS002-15, 5.4 (registers), 8.1 (formulas, in fractions: not those of the
driver); calibration of temperature and pressure from BST-BMP280-DS001-11, 3.12.

World: {"part": "bme280", "temperature": 21.5, "humidity": 45, "pressure": 1013.25 (hPa)}; besides "identity": 88 for a
BMP280, "asleep": true for a chip that never measures.
"""

import struct

T1, T2, T3 = 27504, 26435, -1000
P = 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000
H1, H2, H3, H4, H5, H6 = 75, 370, 0, 313, 50, 30


def fine_of(raw):
    first = (raw / 16384 - T1 / 1024) * T2
    return first + (raw / 131072 - T1 / 8192) ** 2 * T3


def pascal_of(raw, fine):
    first = fine / 2 - 64000
    second = (first * first * P[5] / 32768 + first * P[4] * 2) / 4 + P[3] * 65536
    first = (1 + (P[2] * first * first / 524288 + P[1] * first) / 524288 / 32768) * P[0]
    pascal = (1048576 - raw - second / 4096) * 6250 / first
    return pascal + (P[8] * pascal * pascal / 2147483648 + pascal * P[7] / 32768 + P[6]) / 16


def percent_of(raw, fine):
    warm = fine - 76800
    part = raw - (H4 * 64 + H5 / 16384 * warm)
    part *= H2 / 65536 * (1 + H6 / 67108864 * warm * (1 + H3 / 67108864 * warm))
    return part * (1 - H1 * part / 524288)


def raw_of(measured, wanted, high):
    """The count at which a rising formula gives what is wanted."""
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if measured(middle) <= wanted:
            low = middle
        else:
            high = middle
    return low


class SIMULATED:
    def __init__(self):
        self.told = {}
        self._at = 0
        self._registers = {0xD0: 0x60, 0xF2: 0, 0xF3: 0, 0xF4: 0}
        own = struct.pack("<Hhh", T1, T2, T3) + struct.pack("<Hhhhhhhhh", *P) + bytes((0, H1))
        own_more = struct.pack("<hB", H2, H3) + bytes((H4 >> 4, H4 & 15 | (H5 & 15) << 4, H5 >> 4, H6))
        for first, values in ((0x88, own), (0xE1, own_more), (0xF7, b"\x80\0\0\x80\0\0\x80\0")):
            for offset, value in enumerate(values):
                self._registers[first + offset] = value

    def write(self, data):
        self._at = data[0]
        for at in range(0, len(data) - 1, 2):
            register, value = data[at], data[at + 1]
            self._registers[register] = value
            if register == 0xF4 and value & 3 and not self.told.get("asleep"):
                self._measure()

    def _measure(self):
        told = self.told
        raw_t = raw_of(lambda raw: fine_of(raw) / 5120, told["temperature"], 1 << 20)
        fine = fine_of(raw_t)
        # Pressure falls as its count rises.
        raw_p = raw_of(lambda raw: -pascal_of(raw, fine), -told["pressure"] * 100, 1 << 20)
        raw_h = (
            raw_of(lambda raw: percent_of(raw, fine), told["humidity"], 1 << 16) if self._registers[0xF2] else 0x8000
        )
        counts = (raw_p >> 12, raw_p >> 4 & 255, raw_p << 4 & 255, raw_t >> 12, raw_t >> 4 & 255, raw_t << 4 & 255)
        for offset, value in enumerate(counts + (raw_h >> 8, raw_h & 255)):
            self._registers[0xF7 + offset] = value
        self._registers[0xF3] = 0x08  # seen once

    def read(self, size):
        self._registers[0xD0] = self.told.get("identity", 0x60)
        found = bytes(self._registers.get(self._at + offset, 0) for offset in range(size))
        if self._at == 0xF3:
            self._registers[0xF3] = 0
        return found
