"""An image to practise with: well formed, as small as can be, and good for a virtual chip only.

A virtual chip runs the interpreter of this machine, whatever its image says; so an image for practice need not hold
one, and can be made on a site that has no internet. The layout is that of MicroPython's own images for 4 MB.
"""

from __future__ import annotations

import hashlib
import struct
from functools import reduce
from operator import xor

from sluis_provision.images.esp import APP_DESCRIPTION, CHIPS, MAGIC, TABLE_AT, loader_at

FILES_AT = 0x200000
PROGRAM_AT = 0x10000
TABLE = (
    ("nvs", 1, 0x02, 0x9000, 0x6000),
    ("phy_init", 1, 0x01, 0xF000, 0x1000),
    ("factory", 0, 0x00, PROGRAM_AT, 0x1F0000),
    ("vfs", 1, 0x81, FILES_AT, 0x200000),
)
"""Name, kind, sub kind, address, size."""


def practice_image(chip: str, version: str, filling: bytes = b"") -> bytes:
    """To be written where the chip's images begin. `filling`: bytes that make the program larger."""
    chip_id = next(number for number, name in CHIPS.items() if name == chip)
    told = struct.pack("<II8x32s32s16s16s32s", APP_DESCRIPTION, 0, f"v{version}".encode(), b"practice", b"", b"", b"")
    start = loader_at(chip)
    parts = {
        start: _image(chip_id, b"second stage"),
        TABLE_AT: _table(),
        PROGRAM_AT: _image(chip_id, told.ljust(256, b"\0") + filling),
    }
    made = bytearray()
    for at, content in parts.items():
        made += b"\xff" * (at - start - len(made)) + content
    return bytes(made)


def _image(chip_id: int, content: bytes) -> bytes:
    content += bytes(-len(content) % 4)
    head = struct.pack("<BBBBI", MAGIC, 1, 2, 0x2F, 0x40380000)
    more = struct.pack("<B3xHBHH4xB", 0xEE, chip_id, 0, 0, 0xFFFF, 1)
    body = head + more + struct.pack("<II", 0x3FC90000, len(content)) + content
    body += bytes(15 - len(body) % 16) + bytes((reduce(xor, content, 0xEF),))
    return body + hashlib.sha256(body).digest()


def _table() -> bytes:
    rows = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row[1:], row[0].encode(), 0) for row in TABLE)
    end = b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows, usedforsecurity=False).digest()
    return (rows + end).ljust(0xC00, b"\xff")
