"""BME280: temperature, humidity and air pressure on I2C.

Source: Bosch BME280 data sheet BST-BME280-DS002-15 (revision 1.6): 4.2.3 formulas in whole numbers, 5.4 registers.

    F7 P P P  FA T T T  FD H H     from a forced measurement; 20 bits of P and T, 16 of H, the high byte first
    88..A1 E1..E7                  calibration, the low byte first
    D0 identity (0x60)   F2 F4 oversampling and mode   F3 status, bit 3: measuring
"""

import asyncio

from sluis_node.fields import Bus, Choice, Number
from sluis_node.i2c import I2cPart
from sluis_node.part import Fault

IDENTITY = 0x60
IDENTITY_BMP280 = (0x56, 0x57, 0x58)
ONCE = b"\xf2\x01", b"\xf4\x25"
"""Each quantity measured once, in forced mode. F2 counts from the next write to F4 on (5.4.3)."""

MEASURE_MS = 10
"""The longest that takes is 9.3 ms (9.1)."""

TRIES = 5


class Bme280(I2cPart):
    FIELDS = {
        "bus": Bus("i2c"),
        "address": Choice("0x76", ("0x76", "0x77")),
        "offset": Number(0, -10, 10),
    }

    def points(self):
        every_s = self.settings["every_s"]
        return {
            "temperature": {"quantity": "temperature", "unit": "°C", "min": -40, "max": 85, "every_s": every_s},
            "humidity": {"quantity": "humidity", "unit": "%", "min": 0, "max": 100, "every_s": every_s},
            "pressure": {
                "quantity": "atmospheric_pressure",
                "unit": "hPa",
                "min": 300,
                "max": 1100,
                "every_s": every_s,
            },
        }

    def start(self):
        super().start()
        found = self.registers(0xD0, 1)[0]
        if found in IDENTITY_BMP280:
            raise Fault("this is a BMP280, which has no humidity")
        if found != IDENTITY:
            raise Fault("this is no BME280: it says 0x%02x, not 0x60" % found)
        self._own = calibration(self.registers(0x88, 26), self.registers(0xE1, 7))

    async def read(self):
        for command in ONCE:
            self.tell(command)
        for _ in range(TRIES):
            await asyncio.sleep_ms(MEASURE_MS)
            if not self.registers(0xF3, 1)[0] & 0x08:
                break
        else:
            raise Fault("the sensor does not end its measurement")
        d = self.registers(0xF7, 8)
        pressure, temperature, humidity = d[0] << 12 | d[1] << 4 | d[2] >> 4, d[3] << 12 | d[4] << 4 | d[5] >> 4, 0
        humidity = d[6] << 8 | d[7]
        if 0x80000 in (pressure, temperature) or humidity == 0x8000:
            raise Fault("the sensor did not measure: did it lose its power?")
        celsius, percent, pascal = compensated(self._own, temperature, humidity, pressure)
        return {
            "temperature": round(celsius + self.settings["offset"], 2),
            "humidity": round(percent, 1),
            "pressure": round(pascal / 100, 2),
        }


def calibration(low, high):
    """T1 T2 T3, P1 to P9, H1 to H6, of registers 88..A1 and E1..E7 (table 16)."""

    def word(at):
        return low[at] | low[at + 1] << 8

    values = [word(0)] + [_signed(word(at), 16) for at in (2, 4)] + [word(6)]
    values += [_signed(word(at), 16) for at in range(8, 24, 2)]
    values += [low[25], _signed(high[0] | high[1] << 8, 16), high[2]]
    values += [_signed(high[3] << 4 | high[4] & 15, 12), _signed(high[5] << 4 | high[4] >> 4, 12), _signed(high[6], 8)]
    if values[0] in (0, 0xFFFF) or not values[3]:
        raise Fault("the sensor's calibration cannot be read")
    return values


def _signed(value, bits):
    return value - (1 << bits) if value >> bits - 1 else value


def compensated(own, raw_t, raw_h, raw_p):
    """(degrees Celsius, percent, pascal)."""
    t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9, h1, h2, h3, h4, h5, h6 = own
    off = (raw_t >> 4) - t1
    fine = (((raw_t >> 3) - (t1 << 1)) * t2 >> 11) + ((off * off >> 12) * t3 >> 14)
    celsius = (fine * 5 + 128 >> 8) / 100
    # Pressure, in 1/256 Pa.
    warm = fine - 128000
    slope = (warm * warm * p3 >> 8) + (warm * p2 << 12)
    slope = ((1 << 47) + slope) * p1 >> 33
    pascal = 0
    if slope:
        bend = warm * warm * p6 + (warm * p5 << 17) + (p4 << 35)
        p = ((1048576 - raw_p << 31) - bend) * 3125 // slope
        pascal = ((p + (p9 * (p >> 13) * (p >> 13) >> 25) + (p8 * p >> 19) >> 8) + (p7 << 4)) / 256
    # Humidity, in 1/4194304 %.
    warm = fine - 76800
    h = (raw_h << 14) - (h4 << 20) - h5 * warm + 16384 >> 15
    h *= (((warm * h6 >> 10) * ((warm * h3 >> 11) + 32768) >> 10) + 2097152) * h2 + 8192 >> 14
    h -= ((h >> 15) * (h >> 15) >> 7) * h1 >> 4
    return celsius, min(max(h, 0), 419430400) / 4194304, pascal


PART = Bme280
