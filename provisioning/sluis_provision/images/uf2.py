"""UF2: the file that a board in BOOTSEL takes. Reading, judging and making one.

Format: microsoft/uf2, README ("File format"): blocks of 512 bytes, two magic words, flags, address, payload size,
number, count, family, 476 bytes of data, a last magic word, all little endian. RP2040 datasheet 2.8.4: payload 256
bytes; blocks of another family are ignored without a word, which is why the family is looked at here first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sluis_provision.flashers.problem import WrongImage

BLOCK = 512
PAYLOAD = 256
SECTOR = 4096
"""Of flash: the least that is erased."""
HEAD = struct.Struct("<8I")
FIRST, SECOND, LAST = 0x0A324655, 0x9E5D5157, 0x0AB16F30
HAS_FAMILY = 0x2000
NOT_FOR_FLASH = 0x1
ABSOLUTE = 0xE48BFF57
"""RP2350: a block that says where it goes whatever the family; RP2350-E10 has MicroPython put one in front."""
FAMILIES = {0xE48BFF56: "rp2040", 0xE48BFF59: "rp2350", 0xE48BFF5A: "rp2350-riscv", 0xE48BFF5B: "rp2350"}
FAMILY_OF = {"rp2040": 0xE48BFF56, "rp2350": 0xE48BFF59}
ERASED = b"\xff" * PAYLOAD
FLASH_AT = 0x10000000
"""Where flash begins in the address space of both chips."""
IMAGE_STARTS = struct.pack("<I", 0xFFFFDED3)
"""Before the definition of an image, by which the RP2350 knows a program."""


@dataclass(frozen=True, slots=True)
class Uf2:
    """What a UF2 file writes, in flash addresses counted from the start of flash."""

    chip: str
    blocks: dict[int, bytes] = field(repr=False)
    """Address in flash -> 256 bytes."""

    @property
    def end(self) -> int:
        return max(self.blocks, default=-PAYLOAD) + PAYLOAD

    def stretches(self) -> list[tuple[int, bytes]]:
        """The same as (address, bytes) without gaps, in order."""
        found: list[tuple[int, bytearray]] = []
        for at in sorted(self.blocks):
            if found and found[-1][0] + len(found[-1][1]) == at:
                found[-1][1].extend(self.blocks[at])
            else:
                found.append((at, bytearray(self.blocks[at])))
        return [(at, bytes(data)) for at, data in found]


def is_uf2(content: bytes) -> bool:
    return len(content) >= BLOCK and content[:8] == struct.pack("<2I", FIRST, SECOND)


def read(content: bytes, name: str = "the file") -> Uf2:
    """WrongImage when it is cut short, damaged, of several families, or for no chip that is known."""
    if not is_uf2(content) or len(content) % BLOCK:
        raise WrongImage(f"{name} is no whole UF2 file")
    blocks: dict[int, bytes] = {}
    chips: set[str] = set()
    counts: set[tuple[int, int]] = set()
    numbers: set[int] = set()
    for start in range(0, len(content), BLOCK):
        first, second, flags, address, size, number, count, family = HEAD.unpack_from(content, start)
        last = struct.unpack_from("<I", content, start + BLOCK - 4)[0]
        if (first, second, last) != (FIRST, SECOND, LAST) or size > BLOCK - HEAD.size - 4:
            raise WrongImage(f"{name} is damaged at byte {start}")
        if flags & NOT_FOR_FLASH or family == ABSOLUTE:
            continue
        if not flags & HAS_FAMILY or family not in FAMILIES:
            raise WrongImage(f"{name} is for a chip that is not known (family 0x{family:08x})")
        if size != PAYLOAD or address < FLASH_AT:
            raise WrongImage(f"{name} does not write flash at byte {start}")
        chips.add(FAMILIES[family])
        counts.add((family, count))
        numbers.add(number)
        blocks[address - FLASH_AT] = content[start + HEAD.size : start + HEAD.size + size]
    if len(chips) != 1 or len(counts) != 1:
        raise WrongImage(f"{name} is for several chips at once: {', '.join(sorted(chips)) or 'none'}")
    if numbers != set(range(next(iter(counts))[1])):
        raise WrongImage(f"{name} lacks blocks: it was cut short or put together wrongly")
    return Uf2(chips.pop(), blocks)


def cut(at: int, content: bytes) -> Iterable[tuple[int, bytes]]:
    """Bytes for an address as blocks; `at` is a multiple of 256. The last is filled up with 0xFF, as erased flash."""
    for start in range(0, len(content), PAYLOAD):
        yield at + start, content[start : start + PAYLOAD].ljust(PAYLOAD, b"\xff")


def make(uf2: Uf2) -> bytes:
    """The file. Every sector is written whole, filled up with 0xFF: the RP2040 erases one when it gets the first of
    sixteen block *numbers* (erratum RP2040-E14), so a gap would have it erase the wrong ones."""
    blocks = {at: uf2.blocks.get(at, ERASED) for one in uf2.blocks for at in _sector_of(one)}
    number = {at: count for count, at in enumerate(sorted(blocks))}
    out = bytearray()
    family = FAMILY_OF[uf2.chip]
    for at in _order(uf2.chip, blocks):
        out += HEAD.pack(FIRST, SECOND, HAS_FAMILY, FLASH_AT + at, PAYLOAD, number[at], len(blocks), family)
        out += blocks[at].ljust(BLOCK - HEAD.size - 4, b"\0") + struct.pack("<I", LAST)
    return bytes(out)


def _sector_of(at: int) -> range:
    """The addresses of all its blocks."""
    start = at - at % SECTOR
    return range(start, start + SECTOR, PAYLOAD)


def _order(chip: str, blocks: Mapping[int, bytes]) -> list[int]:
    """So that a plug pulled at any moment leaves nothing that the ROM takes for a program: the end of the first sector
    goes first, which erases the old one; last of all goes the block by which the ROM knows a program (RP2040 datasheet
    2.8.1.3: the second stage, at 0; RP2350 datasheet 5.1.5.1: the definition of an image, somewhere in the sector)."""
    rest = [at for at in sorted(blocks) if at >= SECTOR]
    head = [at for at in _sector_of(0) if at in blocks]
    if not head:
        return rest
    defined = [at for at in head if chip == "rp2350" and IMAGE_STARTS in blocks[at]]
    *others, first = [at for at in head if at not in defined[:1] and (defined or at)]
    return [first, *rest, *others, *(defined[:1] or [0])]
