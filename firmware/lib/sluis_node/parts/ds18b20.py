"""DS18B20, MAX31820: temperature on a 1-Wire bus.

Source: Maxim DS18B20 data sheet 19-7487 rev 6; application note 27 (CRC).

    scratchpad    T T H L C F R P X      9 bytes
    T temperature, signed, little endian, 1/16 degree | H L alarm limits | C configuration | F P fixed
    R 0x0C since power came until the first conversion | X CRC-8 of the rest
"""

import asyncio

from sluis_node.fields import Bus, Text
from sluis_node.part import Fault, Part

CONVERT_MS = 750
"""The longest a conversion of 12 bits takes (data sheet, AC characteristics)."""

CONVERT, READ = b"\x44", b"\xbe"
FAMILY = 0x28


class Ds18b20(Part):
    FIELDS = {"bus": Bus("onewire"), "address": Text("", 16, "0123456789abcdef")}
    CHECK = "Is there a resistor of 4.7 kOhm from the data wire to 3.3 V, and are the three wires in their order?"

    @classmethod
    def wrong(cls, settings):
        address = settings["address"]
        if address and (len(address) != 16 or not address.startswith("28")):
            yield "address", "must be 16 hex digits that begin with 28"

    def points(self):
        return {
            "": {
                "quantity": "temperature",
                "unit": "°C",
                "min": -55,
                "max": 125,
                "every_s": self.settings["every_s"],
            }
        }

    def start(self):
        self._wire = self.buses[self.settings["bus"]]["open"]
        self._rom = bytes.fromhex(self.settings["address"]) if self.settings["address"] else self._only()

    def _only(self):
        found = [bytes(rom) for rom in self._wire.scan() if rom[0] == FAMILY]
        if len(found) == 1:
            return found[0]
        if not found:
            raise Fault("no sensor answers on the bus")
        raise Fault("several sensors on the bus, so each needs its address: " + ", ".join(r.hex() for r in found))

    async def read(self):
        self._ask(CONVERT)
        await asyncio.sleep_ms(CONVERT_MS)
        self._ask(READ)
        pad = bytearray(9)
        self._wire.readinto(pad)
        if self._wire.crc8(pad) or not any(pad):
            raise Fault("the sensor's answer is damaged")
        raw = pad[0] | pad[1] << 8
        if raw == 0x0550 and pad[6] == 0x0C:
            raise Fault("the sensor lost its power while it measured")
        return {"": round((raw - 65536 if raw & 0x8000 else raw) / 16, 2)}

    def _ask(self, command):
        if not self._wire.reset():
            raise Fault("nothing answers on the bus")
        self._wire.select_rom(self._rom)
        self._wire.write(command)


PART = Ds18b20
