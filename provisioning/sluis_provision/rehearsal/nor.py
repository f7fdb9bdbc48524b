"""Flash of a chip, kept in a file: bits are only cleared by writing, and set again by whole sectors."""

from __future__ import annotations

from pathlib import Path

BLOCK, SECTOR, PAGE = 65536, 4096, 256
ERASE_BLOCK_S, ERASE_SECTOR_S, PROGRAM_S = 0.15, 0.045, 0.0004
"""For one of each, of a usual chip (Winbond W25Q32JV, "AC Electrical Characteristics", typical)."""
ERASED = b"\xff"


class Nor:
    """What is in it stays from run to run. Every change returns how long a chip takes for it, in seconds."""

    def __init__(self, file: Path, size: int, stuck: int | None = None) -> None:
        self.size = size
        self._stuck = stuck
        if not file.exists() or file.stat().st_size != size:
            file.touch(0o600)  # it will hold a key
            file.write_bytes(ERASED * size)
        self._file = file.open("r+b", buffering=0)

    def read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(max(0, size))

    def erase(self, at: int, size: int) -> float:
        """Every sector that has a byte of these."""
        start = at // SECTOR * SECTOR
        end = min(self.size, -(-(at + size) // SECTOR) * SECTOR)
        self._file.seek(start)
        self._file.write(ERASED * max(0, end - start))
        blocks = max(0, end // BLOCK - -(-start // BLOCK))
        return blocks * ERASE_BLOCK_S + (max(0, end - start) - blocks * BLOCK) / SECTOR * ERASE_SECTOR_S

    def program(self, at: int, data: bytes) -> float:
        """What is past the end is lost."""
        held = self.read(at, len(data))
        both = int.from_bytes(held) & int.from_bytes(data[: len(held)])
        written = bytearray(both.to_bytes(len(held)))
        if self._stuck is not None and at <= self._stuck < at + len(held):
            written[self._stuck - at] &= 0xFE
        self._file.seek(at)
        self._file.write(written)
        return len(data) / PAGE * PROGRAM_S

    def close(self) -> None:
        self._file.close()
