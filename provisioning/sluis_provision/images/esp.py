"""Images for Espressif chips: for which chip, and which partitions they bring.

Formats: ESP-IDF Programming Guide, "App Image Format" (header: magic 0xE9, segments, mode, size and speed, entry point,
then 16 bytes of which bytes 12..13 of the file are the chip) and "Partition Tables" (entries of 32 bytes at 0x8000).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor

MAGIC = 0xE9
CHIPS = {
    0: "esp32",
    2: "esp32s2",
    5: "esp32c3",
    9: "esp32s3",
    12: "esp32c2",
    13: "esp32c6",
    16: "esp32h2",
    18: "esp32p4",
    23: "esp32c5",
}
LOADER_AT = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32p4": 0x2000, "esp32c5": 0x2000}
"""Where the second stage loader stands, which a whole image begins with; 0 for the others."""
TABLE_AT = 0x8000
APP_DESCRIPTION = 0xABCD5432
"""First word of `esp_app_desc_t`, 32 bytes into an application."""


@dataclass(frozen=True, slots=True)
class Partition:
    name: str
    kind: int
    """0 application, 1 data."""
    sub: int
    at: int
    size: int


def chip_of(image: bytes) -> str:
    """The chip an image is made for; "" when it is no image, or for a chip that is not known."""
    if len(image) < 24 or image[0] != MAGIC:
        return ""
    return CHIPS.get(struct.unpack_from("<H", image, 12)[0], "")


def loader_at(chip: str) -> int:
    """The address a whole image for this chip is written to."""
    return LOADER_AT.get(chip, 0)


def partitions(table: bytes) -> tuple[Partition, ...]:
    """The entries of a partition table; none where there is none."""
    found = []
    for start in range(0, len(table) - 31, 32):
        magic, kind, sub, at, size, name = struct.unpack_from("<HBBII16s", table, start)
        if magic != 0x50AA:
            break
        found.append(Partition(name.rstrip(b"\0").decode("ascii", "replace"), kind, sub, at, size))
    return tuple(found)


def partitions_of(image: bytes, at: int) -> tuple[Partition, ...]:
    """The partitions that a whole image written to `at` brings."""
    return partitions(image[TABLE_AT - at : TABLE_AT - at + 0xC00]) if at <= TABLE_AT else ()


def whole(image: bytes) -> bool:
    """Whether an image, with whatever is behind it, is there with every byte: segments, checksum, digest.

    "App Image Format": each segment is 8 bytes (address, length) and its content; the XOR of all content with 0xEF is
    the last byte of a block of 16; a SHA-256 over all of it follows where byte 23 says so.
    """
    if len(image) < 24 or image[0] != MAGIC:
        return False
    at, checksum = 24, 0xEF
    for _ in range(image[1]):
        if at + 8 > len(image):
            return False
        (size,) = struct.unpack_from("<I", image, at + 4)
        checksum = reduce(xor, image[at + 8 : at + 8 + size], checksum)
        at += 8 + size
    at |= 15
    if at >= len(image) or image[at] != checksum:
        return False
    end = at + 1
    return not image[23] or hashlib.sha256(image[:end]).digest() == image[end : end + 32]


def version_of(application: bytes) -> str:
    """The version an application says of itself (its first 256 bytes are enough); "" when it says none."""
    if len(application) < 80 or struct.unpack_from("<I", application, 32)[0] != APP_DESCRIPTION:
        return ""
    words = application[48:80].split(b"\0")[0]
    return words.decode("ascii", "replace").removeprefix("v")
