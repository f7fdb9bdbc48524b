"""Cutting a stream into packets, against paho's own writer and against hostile bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.links.packets import Cutter, Malformed, Oversize, Published, pubacks, publication


def packet(head: int, body: bytes) -> bytes:
    length, out = len(body), bytearray([head])
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


def publish(topic: bytes, payload: bytes, mid: int = 0, retained: bool = False, duplicate: bool = False) -> bytes:
    head = 0x30 | (2 if mid else 0) | retained | duplicate << 3
    number = struct.pack("!H", mid) if mid else b""
    return packet(head, struct.pack("!H", len(topic)) + topic + number + payload)


messages = st.builds(
    Published,
    st.binary(min_size=1, max_size=20),
    st.binary(max_size=400),
    st.integers(0, 65535),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(st.one_of(messages, st.binary(min_size=1, max_size=150)), max_size=8), st.integers(1, 60))
def test_any_cutting_of_the_stream_gives_the_same_packets(content: list[Published | bytes], piece: int) -> None:
    stream = others = b""
    for one in content:
        if isinstance(one, Published):
            stream += publish(*one)
        else:
            stream += packet(0x90, one)
            others += packet(0x90, one)
    cutter = Cutter(10_000)
    found: list[Published | Oversize] = []
    for start in range(0, len(stream), piece):
        found += cutter.feed(stream[start : start + piece])
    assert found == [one for one in content if isinstance(one, Published)]
    assert bytes(cutter.others) == others


@given(st.binary(max_size=300))
def test_fuzz_garbage_is_refused_or_waited_for(garbage: bytes) -> None:
    cutter = Cutter(1_000)
    try:
        for start in range(0, len(garbage), 7):
            cutter.feed(garbage[start : start + 7])
    except Malformed:
        pass


@pytest.mark.parametrize("piece", [1, 50, 5_000])
def test_what_is_too_large_is_named_and_not_kept(piece: int) -> None:
    stream = publish(b"cam/1", b"x" * 20_000, 7) + publish(b"plug", b"on", 8)
    cutter = Cutter(1_000)
    found: list[Published | Oversize] = []
    for start in range(0, len(stream), piece):
        found += cutter.feed(stream[start : start + piece])
        assert len(cutter._tail) < 1_100
    assert found == [Oversize(b"cam/1", 7, 20_000), Published(b"plug", b"on", 8, False, False)]


def test_exactly_the_limit_passes() -> None:
    assert Cutter(100).feed(publish(b"t" * 30, b"x" * 100, 1))[0] == Published(b"t" * 30, b"x" * 100, 1, False, False)
    assert isinstance(Cutter(100).feed(publish(b"t", b"x" * 101, 1))[0], Oversize)


def test_acknowledgements() -> None:
    assert pubacks([1, 0x1234]) == bytes.fromhex("40020001 40021234")


@given(st.text(min_size=1, max_size=300), st.binary(max_size=40_000), st.booleans())
def test_what_we_publish_reads_back(topic: str, payload: bytes, retained: bool) -> None:
    try:
        topic.encode()
    except UnicodeEncodeError:
        return
    if any(char in topic for char in "+#\0"):
        with pytest.raises(ValueError, match="no topic"):
            publication(topic, payload, retained)
        return
    (read,) = Cutter(100_000).feed(publication(topic, payload, retained))
    assert read == Published(topic.encode(), payload, 0, retained, False)
