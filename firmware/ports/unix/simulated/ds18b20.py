"""A DS18B20: ROM search and match, conversion, scratchpad with its CRC (data sheet 19-7487 rev 6).

World: {"part": "ds18b20", "address": "28" + 12 hex digits + CRC or 14 digits in all, "temperature": 21.5,
"damage": true for a scratchpad whose CRC is wrong}.
"""

import binascii


def crc8(data):
    crc = 0
    for byte in data:
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if (crc ^ byte) & 1 else 0)
            byte >>= 1
    return crc


class SIMULATED:
    def __init__(self):
        self.told = {}
        self._raw = None
        self.reset()

    @property
    def _rom(self):
        rom = binascii.unhexlify(self.told["address"])
        return rom if len(rom) == 8 else rom + bytes((crc8(rom),))

    def reset(self):
        self._state = "rom"
        self._got = []
        self._out = []
        self._at = 0
        self._phase = 0

    def _byte(self):
        """The byte that is whole now, or None."""
        if len(self._got) < 8:
            return None
        value = sum(bit << index for index, bit in enumerate(self._got))
        self._got = []
        return value

    def takes(self, bit):
        if self._state == "search":
            if bit != self._rom_bit(self._at):
                self._state = "asleep"
            self._at += 1
            self._phase = 0
            if self._at == 64:
                self._state = "asleep"
        elif self._state == "match":
            if bit != self._rom_bit(self._at):
                self._state = "asleep"
            self._at += 1
            if self._at == 64 and self._state == "match":
                self._state = "function"
        elif self._state in ("rom", "function"):
            self._got.append(bit)
            value = self._byte()
            if value is not None:
                self._command(value)

    def _command(self, value):
        if self._state == "rom":
            self._state = {0xF0: "search", 0x55: "match", 0xCC: "function"}.get(value, "asleep")
        elif value == 0x44:
            self._raw = int(round(self.told["temperature"] * 16)) & 0xFFFF
            self._state = "asleep"
        elif value == 0xBE:
            raw = 0x0550 if self._raw is None else self._raw
            pad = bytes((raw & 0xFF, raw >> 8, 0x4B, 0x46, 0x7F, 0xFF, 0x0C if self._raw is None else 0x10, 0x10))
            pad += bytes((crc8(pad) ^ (1 if self.told.get("damage") else 0),))
            self._out = [byte >> index & 1 for byte in pad for index in range(8)]
            self._state = "read"

    def sends(self):
        if self._state == "search":
            bit = self._rom_bit(self._at)
            self._phase += 1
            return bit if self._phase == 1 else 1 - bit
        if self._state == "read" and self._out:
            return self._out.pop(0)
        return 1

    def _rom_bit(self, at):
        return self._rom[at // 8] >> (at % 8) & 1
