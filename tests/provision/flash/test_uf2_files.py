"""UF2 files: what is taken, and what is refused before a drive is touched."""

from __future__ import annotations

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
    assert (read.chip, read.blocks) == (chip, blocks)
    joined = dict(block for at, data in read.stretches() for block in uf2.cut(at, data))
    assert joined == blocks


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
