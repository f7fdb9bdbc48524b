"""A tar file that has one form only: POSIX ustar, plain files, no times, no owners, nothing between or behind.

Any tar program lists and unpacks it. What differs in a single bit from what `header` would have written is refused, so
that two people who build the same get the same bytes, and nothing can hide in what most readers skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sluis.wire.signed import Damaged

BLOCK = 512
END = bytes(2 * BLOCK)
NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive."""

    path: str
    size: int
    at: int
    """Where its content begins."""


def header(path: str, size: int) -> bytes:
    """The block before a file's content. The first folder goes into the prefix when the path is longer than a name."""
    prefix, name = "", path
    if len(path) > NAME_MAX:
        prefix, _, name = path.partition("/")
    block = bytearray(BLOCK)
    for at, text in (
        (0, name),
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (124, f"{size:011o}"),
        (136, "00000000000"),
        (148, " " * 8),
        (156, "0"),
        (257, "ustar"),
        (263, "00"),
        (329, "0000000"),
        (337, "0000000"),
        (345, prefix),
    ):
        block[at : at + len(text)] = text.encode("ascii")
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(path: str, content: bytes) -> bytes:
    """A file as it stands in the archive."""
    return header(path, len(content)) + content + bytes(-len(content) % BLOCK)


def members(file: BinaryIO) -> Iterator[Member]:
    """The files, in their order; read each before you ask for the next. Damaged when the archive has another form."""
    while True:
        block = file.read(BLOCK)
        if block == END[:BLOCK]:
            if file.read(BLOCK + 1) != END[BLOCK:]:
                raise Damaged("something stands behind the end of the bundle, or its end is missing")
            return
        member = _said(block, file.tell())
        yield member
        file.seek(member.at + member.size)
        rest = -member.size % BLOCK
        if file.read(rest) != bytes(rest):
            raise Damaged(f"the bundle is cut off, or changed, behind {member.path}")


def _said(block: bytes, at: int) -> Member:
    if len(block) < BLOCK:
        raise Damaged("the bundle is cut off")
    try:
        name, prefix = (block[low:high].rstrip(b"\0").decode("ascii") for low, high in ((0, 100), (345, 500)))
        size = int(block[124:135], 8)
        path = f"{prefix}/{name}" if prefix else name
        if size < 0 or header(path, size) != block:
            raise ValueError
    except ValueError as error:
        raise Damaged(f"this is no bundle, or it was changed, at byte {at - BLOCK}") from error
    return Member(path, size, at)
