"""What the ROM of an RP2040 or RP2350 does with blocks that reach its drive, and whether it then starts the flash.

Sources: raspberrypi/pico-bootrom-rp2040, `bootrom/virtual_disk.c`, `bootrom_main.c`; raspberrypi/pico-bootrom-rp2350,
`src/nsboot/usb_virtual_disk.c`; RP2040 datasheet 2.8.1.3 and erratum RP2040-E14; RP2350 datasheet 5.1.5.1, 5.9.5.

Both take blocks in any order, each number once, ignore what is not for them without a word, and restart when they have
all numbers. They erase a sector before they first write to it; the RP2040 goes by the block's *number* there, not by
its address (E14): a file whose sectors are not written whole comes out damaged on it, and so it does here.
"""

from __future__ import annotations

import struct

from sluis_provision.images import uf2
from sluis_provision.rehearsal.nor import SECTOR, Nor

TAKES = {"rp2040": {0xE48BFF56}, "rp2350": {uf2.ABSOLUTE, 0xE48BFF58, 0xE48BFF59, 0xE48BFF5A}}
"""Families. 0xE48BFF58 is data."""
STAGE_TWO = 252
"""Bytes of the RP2040's second stage, with their CRC-32 behind them."""
IMAGE_ENDS = struct.pack("<I", 0xAB123579)
"""Behind the definition of an image that the RP2350 looks for in the first sector; its first item is 0x42."""


class Bootrom:
    """One stay in BOOTSEL."""

    def __init__(self, chip: str, nor: Nor) -> None:
        self._takes = TAKES[chip]
        self._by_number = chip == "rp2040"
        self._nor = nor
        self._transfer = (0, 0)
        """Family and number of blocks of the file that is being written."""
        self._had: set[int] = set()
        self._erased: set[int] = set()
        self.took = 0
        """Blocks that were written."""

    @property
    def complete(self) -> bool:
        """Whether it has all of a file, and restarts."""
        return bool(self._had) and len(self._had) == self._transfer[1]

    def block(self, sector: bytes) -> float:
        """512 bytes that somebody wrote to the drive; the seconds that the flash is busy with them."""
        first, second, flags, address, size, number, count, family = uf2.HEAD.unpack_from(sector)
        last = struct.unpack_from("<I", sector, uf2.BLOCK - 4)[0]
        if (first, second, last) != (uf2.FIRST, uf2.SECOND, uf2.LAST) or size != uf2.PAYLOAD:
            return 0.0
        if not flags & uf2.HAS_FAMILY or flags & uf2.NOT_FOR_FLASH or family not in self._takes:
            return 0.0
        at = address - uf2.FLASH_AT
        if not count or at < 0 or at % uf2.PAYLOAD or number >= count:
            self._transfer = (0, 0)
            return 0.0
        if (family, count) != self._transfer:
            self._transfer = (family, count)
            self._had.clear()
            self._erased.clear()
        if number in self._had:
            return 0.0
        self._had.add(number)
        self.took += 1
        return self._written(at, number, sector[uf2.HEAD.size : uf2.HEAD.size + uf2.PAYLOAD])

    def _written(self, at: int, number: int, data: bytes) -> float:
        busy_s = 0.0
        sector = number * uf2.PAYLOAD // SECTOR if self._by_number else at // SECTOR
        if sector not in self._erased:
            self._erased.add(sector)
            busy_s = self._nor.erase(at, len(data))
        return busy_s + self._nor.program(at, data)


def starts(chip: str, nor: Nor) -> bool:
    """Whether the ROM finds something to start; else it shows its drive."""
    if chip == "rp2040":
        held = nor.read(0, STAGE_TWO + 4)
        return held[STAGE_TWO:] == struct.pack("<I", crc(held[:STAGE_TWO]))
    held = nor.read(0, SECTOR)
    begin = held.find(uf2.IMAGE_STARTS)
    return begin >= 0 and begin % 4 == 0 and held[begin + 4] == 0x42 and held.find(IMAGE_ENDS, begin) > 0


def crc(data: bytes) -> int:
    """CRC-32, polynomial 0x04C11DB7 from the highest bit, begun with ones, not inverted (RP2040 datasheet 2.8.1.3)."""
    sum_ = 0xFFFFFFFF
    for byte in data:
        sum_ ^= byte << 24
        for _ in range(8):
            sum_ = (sum_ << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if sum_ & 0x80000000 else sum_ << 1
    return sum_


def practice_image(chip: str, filling: bytes = b"") -> bytes:
    """A UF2 to practise with: the ROM starts what it writes, and a virtual board its own interpreter. `filling`: bytes
    that make it larger."""
    if chip == "rp2040":
        stage_two = b"practice".ljust(STAGE_TWO, b"\0")
        program = stage_two + struct.pack("<I", crc(stage_two))
    else:
        defined = uf2.IMAGE_STARTS + bytes.fromhex("42012110ff01000000000000") + IMAGE_ENDS
        program = b"practice".ljust(276, b"\0") + defined
    return uf2.make(uf2.Uf2(chip, dict(uf2.cut(0, program.ljust(512, b"\0") + filling))))
