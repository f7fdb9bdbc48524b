"""Modbus messages: pymodbus makes and reads the PDUs; here they are framed for RTU or TCP, and held to their question.

Nothing of pymodbus's transport is used. It is imported when the first message is made, not before: it costs 70 ms and
brings its servers along.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

from sluis.model import BadChecksum, Implausible, Truncated

if TYPE_CHECKING:
    from pymodbus.framer import FramerBase
    from pymodbus.pdu import ModbusPDU

REFUSALS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure", 5: "acknowledge",
    6: "device busy", 7: "negative acknowledge", 8: "memory parity error", 10: "gateway path unavailable",
    11: "gateway target did not answer",
}  # fmt: skip
"""Exception codes (Modbus application protocol V1.1b3, section 7)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked."""

    unit: int
    transaction: int
    """Modbus TCP; 0 in RTU."""
    function: int
    address: int
    count: int
    """Registers or bits to read; what a write tells is not kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    refusal: int = 0
    """Exception code; 0 for none."""
    values: Sequence[int] = ()
    """Registers, or bits as 0 and 1. Nothing for a write."""

    @property
    def says(self) -> str:
        return f"exception {self.refusal} ({REFUSALS.get(self.refusal, 'unknown')})"


def read(function: int, address: int, count: int, *, unit: int, tcp: bool) -> bytes:
    """The frame that asks for registers or bits."""
    from pymodbus.pdu import DecodePDU

    question = DecodePDU.pdu_table[function][0](address=address, count=count, dev_id=unit)
    return _framed(question, tcp)


def write(function: int, address: int, value: int | list[int], *, unit: int, tcp: bool) -> bytes:
    """The frame that writes one coil (5, 15), one register (6) or several (16)."""
    from pymodbus.pdu import DecodePDU

    make = DecodePDU.pdu_table[function][0]
    if isinstance(value, int):
        return _framed(make(address=address, bits=[bool(value)], dev_id=unit), tcp)
    return _framed(make(address=address, registers=value, dev_id=unit), tcp)


def write_bits(address: int, low: int, width: int, value: int, *, unit: int, tcp: bool) -> bytes:
    """The frame that changes some bits of one register (22)."""
    from pymodbus.pdu.register_message import MaskWriteRegisterRequest

    mask = ((1 << width) - 1) << low
    question = MaskWriteRegisterRequest(address, 0xFFFF & ~mask, value << low & mask, dev_id=unit)
    return _framed(question, tcp)


def _framed(question: ModbusPDU, tcp: bool) -> bytes:
    """In TCP the transaction id is the question's own CRC: another question has another, so a late answer to an earlier
    one is not taken for this one's, and the same question need not be numbered."""
    if tcp:
        body = struct.pack(">BB", question.dev_id, question.function_code) + question.encode()
        question.transaction_id = crc32(body) & 0xFFFF or 1
    frame: bytes = _framer(tcp).buildFrame(question)
    return frame


@cache
def _framer(tcp: bool) -> FramerBase:
    from pymodbus.framer import FramerRTU, FramerSocket
    from pymodbus.pdu import DecodePDU

    return (FramerSocket if tcp else FramerRTU)(DecodePDU(False))


def opened(frame: bytes, tcp: bool) -> tuple[int, int, bytes]:
    """(unit, transaction, PDU) of a frame. Truncated, BadChecksum or Implausible when it is none."""
    if tcp:
        if len(frame) < 9:
            raise Truncated(f"{len(frame)} bytes are no Modbus TCP frame")
        transaction, protocol, length, unit = struct.unpack(">HHHB", frame[:7])
        if protocol:
            raise Implausible(f"protocol {protocol} is not Modbus")
        if length != len(frame) - 6:
            raise Truncated(f"{len(frame) - 6} bytes, but its length says {length}")
        return unit, transaction, frame[7:]
    if len(frame) < 5:
        raise Truncated(f"{len(frame)} bytes are no Modbus RTU frame")
    from pymodbus.framer import FramerRTU

    if not FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
        raise BadChecksum("the CRC does not fit")
    return frame[0], 0, frame[1:-2]


def question_of(frame: bytes, tcp: bool) -> Question:
    """What one of our own frames asks. Implausible when it is none of ours."""
    unit, transaction, pdu = opened(frame, tcp)
    if len(pdu) < 5:
        raise Implausible("the question is too short")
    function, address, count = struct.unpack(">BHH", pdu[:5])
    return Question(unit, transaction, function, address, count if function <= 4 else 0)


def answer_to(question: Question, frame: bytes, tcp: bool) -> Answer:
    """What a frame answers to a question. FrameError when it is damaged, of another unit, or answers something else."""
    unit, transaction, pdu = opened(frame, tcp)
    if unit != question.unit:
        raise Implausible(f"unit {unit} answered for unit {question.unit}")
    if transaction != question.transaction:
        raise Implausible(f"answers transaction {transaction}, not {question.transaction}")
    if pdu[0] & 0x7F != question.function:
        raise Implausible(f"answers function {pdu[0] & 0x7F}, not {question.function}")
    if pdu[0] & 0x80:
        if len(pdu) != 2:
            raise Truncated("an exception of the wrong length")
        return Answer(refusal=pdu[1])
    if question.function > 4:
        if pdu[1:3] != question.address.to_bytes(2, "big"):
            raise Implausible(f"answers for another register than {question.address}")
        return Answer()
    return Answer(values=_values(question, pdu))


def _values(question: Question, pdu: bytes) -> Sequence[int]:
    from pymodbus.exceptions import ModbusException
    from pymodbus.pdu import DecodePDU

    wanted = (question.count + 7) // 8 if question.function < 3 else 2 * question.count
    if len(pdu) != 2 + wanted or pdu[1] != wanted:
        raise Truncated(f"{len(pdu) - 2} bytes for {question.count} values")
    answer = DecodePDU.pdu_table[question.function][1]()
    try:
        answer.decode(pdu[1:])
    except (ModbusException, ValueError, IndexError, struct.error) as error:
        raise Implausible(f"pymodbus cannot read it: {error}") from error
    return [int(bit) for bit in answer.bits[: question.count]] if question.function < 3 else answer.registers
