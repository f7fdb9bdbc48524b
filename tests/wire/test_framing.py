"""Streams cut into frames: how the bytes arrive never matters, nobody fills the memory, damage is counted once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.bit_message import ReadCoilsResponse, WriteSingleCoilResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from sluis.wire.framing import Splitter, splitter
from sluis.wire.modbus_rtu import answer_length, crc16

KINDS = {
    "line": {"kind": "line", "end": b"\r\n"},
    "line-one": {"kind": "line", "end": b"\r"},
    "enclosed": {"kind": "enclosed", "start": b"\xaa", "end": b"\xff"},
    "enclosed-two": {"kind": "enclosed", "start": b"<<", "end": b">>"},
    "silence": {"kind": "silence"},
    "modbus-rtu": {"kind": "modbus-rtu"},
    "length": {"kind": "length", "length_at": 1, "length_bytes": 1, "length_adds": 3},
    "length-start": {"kind": "length", "start": b"\xaa\x55", "length_at": 2, "length_bytes": 2, "length_adds": 4},
    "p1": {"kind": "p1"},
}

MAX = 24
"""Small, so that the limit is met all the time."""

telling = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\xaa", b"\x55", b"\xff", b"<", b">", b"<<", b">>"),
        *(b"/", b"!", b"!A1B2\r\n", b"/X\r\n", b"a" * 30),
        *(b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x83", b"\x01\x03\x02\x00\x05\x78\x47"),
    ]
)
streams = st.lists(st.one_of(telling, st.binary(max_size=6)), max_size=30).map(b"".join)


def made(kind: str, max_bytes: int = MAX) -> Splitter:
    return splitter(**KINDS[kind], max_bytes=max_bytes)  # type: ignore[arg-type]


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def counted(one: Splitter) -> tuple[int, int, int]:
    return one.dropped, one.noise, one.bad


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=streams, cuts=st.lists(st.integers(0, 200), max_size=20))
def test_how_a_stream_was_cut_into_pieces_never_matters(kind: str, data: bytes, cuts: list[int]) -> None:
    whole, cut = made(kind), made(kind)
    expected = whole.feed(data)
    got = [frame for piece in pieces(data, cuts) for frame in cut.feed(piece)]
    assert got == expected
    assert cut.holding == whole.holding
    assert (cut.silence(), counted(cut)) == (whole.silence(), counted(whole))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=streams)
def test_nobody_fills_the_memory(kind: str, data: bytes) -> None:
    one = made(kind)
    for at in range(0, len(data), 3):
        frames = one.feed(data[at : at + 3])
        assert all(len(frame) <= MAX + 8 for frame in frames)
        # A telegram and the line that is to be its next are held side by side.
        assert _held(one) <= (2 * MAX if kind == "p1" else MAX) + 8
    one.reset()
    assert not one.holding


def _held(one: Splitter) -> int:
    """Bytes in the splitter and in the one inside it."""
    inner = getattr(one, "_lines", None)
    return len(one._held) + (len(inner._held) if inner else 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["line", "enclosed", "length-start", "p1", "silence"])
def test_an_endless_frame_is_dropped_once_and_the_next_one_is_heard(kind: str) -> None:
    good = {
        "line": b"hello\r\n",
        "enclosed": b"\xaahello\xff",
        "length-start": b"\xaa\x55\x00\x02hi",
        "p1": b"/ISK5\r\n\r\n!\r\n",
        "silence": b"hello",
    }[kind]
    begin = {"line": b"", "enclosed": b"\xaa", "length-start": b"\xaa\x55\x7f\xff", "p1": b"/", "silence": b""}[kind]
    one = made(kind)
    assert one.feed(begin + b"x" * 10_000) == []
    assert one.dropped == 1
    end = {"line": b"\r\n", "enclosed": b"\xff", "p1": b"\r\n"}.get(kind, b"")
    frames = [*one.feed(end), *one.silence(), *one.feed(good), *one.silence()]
    assert frames == [good.removesuffix(b"\r\n") if kind == "line" else good]


@given(frames=st.lists(st.binary(min_size=1, max_size=20).filter(lambda one: b"\r" not in one), max_size=5))
def test_lines_come_without_their_end(frames: list[bytes]) -> None:
    one = made("line-one")
    assert one.feed(b"".join(frame + b"\r" for frame in frames)) == frames
    assert counted(one) == (0, 0, 0)


@given(
    before=st.binary(max_size=10).filter(lambda one: 0xAA not in one),
    body=st.binary(max_size=10).filter(lambda one: 0xFF not in one),
)
def test_enclosed_frames_are_found_in_noise(before: bytes, body: bytes) -> None:
    one = made("enclosed")
    assert one.feed(before + b"\xaa" + body + b"\xff") == [b"\xaa" + body + b"\xff"]
    assert one.noise == len(before)


# -- Modbus RTU -----------------------------------------------------------------------------------------------

framer = FramerRTU(DecodePDU(False))
words, bits, small = st.integers(0, 65_535), st.booleans(), st.integers(1, 9)
answers = st.one_of(
    st.lists(words, min_size=1, max_size=125).map(lambda them: ReadHoldingRegistersResponse(registers=them)),
    st.lists(bits, min_size=1, max_size=64).map(lambda them: ReadCoilsResponse(bits=them)),
    st.builds(lambda at, value: WriteSingleRegisterResponse(at, registers=[value]), small, words),
    st.builds(lambda at, on: WriteSingleCoilResponse(at, bits=[on]), small, bits),
    st.builds(lambda at, count: WriteMultipleRegistersResponse(at, count=count), small, small),
    st.builds(lambda code: ExceptionResponse(3, code), st.integers(1, 4)),
)


@st.composite
def rtu_frames(draw: st.DrawFn) -> bytes:
    """As pymodbus frames them."""
    pdu = draw(answers)
    pdu.dev_id = draw(st.integers(1, 247))
    return bytes(framer.buildFrame(pdu))


@given(frames=st.lists(rtu_frames(), max_size=5), cuts=st.lists(st.integers(0, 1_500), max_size=20))
def test_answers_on_a_pair_are_cut_as_pymodbus_made_them(frames: list[bytes], cuts: list[int]) -> None:
    one = made("modbus-rtu", 300)
    assert [frame for piece in pieces(b"".join(frames), cuts) for frame in one.feed(piece)] == frames
    assert counted(one) == (0, 0, 0)
    assert all(crc16(frame) == 0 and answer_length(frame) == len(frame) for frame in frames)


@given(frame=rtu_frames(), noise=st.binary(max_size=12))
def test_an_answer_behind_noise_is_found_when_the_wire_falls_silent(frame: bytes, noise: bytes) -> None:
    one = made("modbus-rtu", 300)
    found = [*one.feed(noise + frame), *one.silence()]
    assert frame in found
    assert not one.holding


@given(frame=rtu_frames(), at=st.integers(0, 300), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_an_answer_of_that_length(frame: bytes, at: int, bit: int) -> None:
    """A CRC of 16 bits finds every single flipped bit; what is left may at most hold a shorter frame by chance."""
    damaged = bytearray(frame)
    damaged[at % len(frame)] ^= 1 << bit
    one = made("modbus-rtu", 300)
    found = [*one.feed(bytes(damaged)), *one.silence()]
    assert bytes(damaged) not in found
    assert sum(map(len, found)) + one.noise == len(damaged)


def test_one_damaged_frame_counts_once() -> None:
    one = made("modbus-rtu", 300)
    damaged = bytes.fromhex("0103040000000afa35")
    assert [*one.feed(damaged), *one.silence()] == []
    assert (one.bad, one.noise) == (1, 9)


# -- DSMR -----------------------------------------------------------------------------------------------------


def test_telegrams_come_whole_from_slash_to_check_value() -> None:
    telegram = b"/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n!EF2F\r\n"
    one = splitter("p1")
    assert one.feed(b"0.2.8(50)\r\n!0000\r\n" + telegram + telegram[:20]) == [telegram]
    assert one.noise
    assert one.feed(telegram) == [telegram]
    assert one.bad == 1


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="morse"):
        splitter("morse")


def test_an_empty_line_is_no_frame() -> None:
    assert splitter("line").feed(b"\r\nIn1 All\r\n\r\n\r\nVol5\r\n") == [b"In1 All", b"Vol5"]
