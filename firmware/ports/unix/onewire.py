"""`onewire` for the unix port: the bus master as boards have it, bit by bit against simulated devices.

Source: Maxim application notes 27 (CRC), 126 (bus master), 187 (search).
"""

from machine import world


class OneWire:
    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self._pin = pin.id
        self._on = []

    def reset(self, required=False):
        """Whether anything answers with a presence pulse."""
        told = world.at(self._pin).get("onewire", [])
        self._on = [world.part((self._pin, each["address"]), each) for each in told]
        for device in self._on:
            device.reset()
        if required and not self._on:
            raise OSError("no device on the bus")
        return bool(self._on)

    def readbit(self):
        """Open drain: a zero of any device wins."""
        bits = [device.sends() for device in self._on]
        return int(all(bits))

    def writebit(self, bit):
        for device in self._on:
            device.takes(bit & 1)

    def readbyte(self):
        value = 0
        for index in range(8):
            value |= self.readbit() << index
        return value

    def writebyte(self, value):
        for index in range(8):
            self.writebit(value >> index & 1)

    def readinto(self, buffer):
        for index in range(len(buffer)):
            buffer[index] = self.readbyte()

    def write(self, data):
        for byte in data:
            self.writebyte(byte)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def crc8(self, data):
        crc = 0
        for byte in data:
            for _ in range(8):
                crc = crc >> 1 ^ (0x8C if (crc ^ byte) & 1 else 0)
                byte >>= 1
        return crc

    def scan(self):
        """The numbers of all devices."""
        found = []
        branches = [()]
        while branches:
            rom = self._search(branches.pop(), branches)
            if rom is not None and not self.crc8(rom):
                found.append(bytearray(rom))
        return found

    def _search(self, path, branches):
        if not self.reset():
            return None
        self.writebyte(self.SEARCH_ROM)
        bits = []
        for index in range(64):
            bit, inverse = self.readbit(), self.readbit()
            if bit and inverse:
                return None
            if index < len(path):
                bit = path[index]
            elif not bit and not inverse:
                branches.append(tuple(bits) + (1,))
            bits.append(bit)
            self.writebit(bit)
        return bytes(sum(bits[at * 8 + i] << i for i in range(8)) for at in range(8))
