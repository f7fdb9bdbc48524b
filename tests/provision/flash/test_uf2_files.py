"""UF2 files: what is taken, and what is refused before a drive is touched."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis_provision.flashers.problem import WrongImage
from sluis_provision.images import uf2

BLOCKS = st.dictionaries(st.integers(0, 8191).map(lambda n: n * 256), st.binary(min_size=256, max_size=256), min_size=1)


@given(st.sampled_from(["rp2040", "rp2350"]), BLOCKS)
def test_what_is_made_is_read(chip: str, blocks: dict[int, bytes]) -> None:
    read = uf2.read(uf2.make(uf2.Uf2(chip, blocks)))
    assert read.chip == chip
    assert {at: read.blocks[at] for at in blocks} == blocks
    assert {content for at, content in read.blocks.items() if at not in blocks} <= {uf2.ERASED}
    joined = dict(block for at, data in read.stretches() for block in uf2.cut(at, data))
    assert joined == read.blocks


@given(st.binary(max_size=3000))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(WrongImage):
        uf2.read(content)


@given(st.data())
def test_a_cut_or_changed_file_is_refused_or_reads_otherwise(data: st.DataObject) -> None:
    whole = uf2.make(uf2.Uf2("rp2040", dict(uf2.cut(0, bytes(range(256)) * 8))))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WrongImage):
        uf2.read(whole[:cut])


def a_block(**changes: int) -> bytes:
    words = {
        "first": uf2.FIRST, "second": uf2.SECOND, "flags": uf2.HAS_FAMILY, "address": uf2.FLASH_AT, "size": 256,
        "number": 0, "count": 1, "family": 0xE48BFF56, "last": uf2.LAST,
    } | changes  # fmt: skip
    head = uf2.HEAD.pack(*list(words.values())[:8])
    return head + bytes(476) + struct.pack("<I", words["last"])


@given(st.sampled_from(["rp2040", "rp2350"]), BLOCKS)
def test_sectors_are_written_whole_and_a_file_that_is_cut_short_leaves_no_program(
    chip: str, blocks: dict[int, bytes]
) -> None:
    whole = uf2.make(uf2.Uf2(chip, blocks))
    heads = [uf2.HEAD.unpack_from(whole, at) for at in range(0, len(whole), uf2.BLOCK)]
    by_number = [head[3] - uf2.FLASH_AT for head in sorted(heads, key=lambda head: head[5])]
    assert by_number == sorted(by_number) and len(by_number) % 16 == 0
    assert all(len({at // uf2.SECTOR for at in by_number[n : n + 16]}) == 1 for n in range(0, len(by_number), 16))
    if by_number[0] == 0:
        assert heads[-1][3] == uf2.FLASH_AT, "the second stage, without which nothing starts"
        assert heads[0][3] < uf2.FLASH_AT + uf2.SECTOR, "so the old one is erased"


def test_what_an_rp2350_knows_a_program_by_comes_last() -> None:
    for at in (0, 256, uf2.SECTOR - 256):
        blocks = dict(uf2.cut(0, os.urandom(9000))) | {at: uf2.IMAGE_STARTS.ljust(256, b"\0")}
        whole = uf2.make(uf2.Uf2("rp2350", blocks))
        last, first = (uf2.HEAD.unpack_from(whole, start)[3] - uf2.FLASH_AT for start in (len(whole) - 512, 0))
        assert last == at and first != at and first < uf2.SECTOR
        assert uf2.read(whole).blocks.keys() == {n * 256 for n in range(48)}


def test_one_sound_block_is_a_file() -> None:
    assert uf2.read(a_block()).blocks == {0: bytes(256)}


@pytest.mark.parametrize(
    "changes",
    [
        {"last": 0},
        {"family": 0x12345678},
        {"flags": 0},
        {"size": 100},
        {"size": 500},
        {"address": 0x0FFFFF00},
        {"count": 2},
        {"number": 1},
    ],
    ids=str,
)
def test_each_wrong_field_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(WrongImage):
        uf2.read(a_block(**changes))


def test_two_chips_in_one_file_are_refused() -> None:
    with pytest.raises(WrongImage, match="several chips"):
        uf2.read(a_block(count=2) + a_block(number=1, count=2, family=0xE48BFF59, address=uf2.FLASH_AT + 256))


def test_the_block_that_rp2350_needs_in_front_is_passed_over() -> None:
    front = a_block(family=uf2.ABSOLUTE, address=0x10FFFF00, count=2)
    assert uf2.read(front + a_block(family=0xE48BFF59)).chip == "rp2350"
