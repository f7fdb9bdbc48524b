"""What can be said of a Modbus RTU frame without knowing its question: how long it is, and whether its check value fits
(Modbus over serial line V1.02, section 2.5.1; lengths from the application protocol V1.1b3, section 6).
"""

from __future__ import annotations


def answer_length(head: bytes | bytearray) -> int | None:
    """How long the Modbus RTU answer is that begins with `head`, check value included; 0 while that cannot be said
    yet, None when no answer begins so."""
    if not 1 <= head[0] <= 247:
        return None
    if len(head) < 2:
        return 0
    function = head[1]
    if function & 0x80:
        return 5 if function & 0x7F in KNOWN else None
    if function in FIXED:
        return FIXED[function]
    if function in COUNTED:
        return 5 + head[2] if len(head) > 2 else 0
    if function == 0x18:
        return 6 + int.from_bytes(head[2:4], "big") if len(head) > 3 else 0
    if function == 0x2B:
        return _identification_length(head)
    return None


COUNTED = frozenset((0x01, 0x02, 0x03, 0x04, 0x0C, 0x11, 0x14, 0x15, 0x17))
"""Functions whose answer holds a count of its bytes."""

FIXED = {0x05: 8, 0x06: 8, 0x07: 5, 0x08: 8, 0x0B: 8, 0x0F: 8, 0x10: 8, 0x16: 10}
"""Functions whose answer is always as long, in bytes."""

KNOWN = COUNTED | frozenset(FIXED) | {0x18, 0x2B}


def _identification_length(head: bytes | bytearray) -> int | None:
    """Read device identification (0x2B/0x0E): a list of objects, each with its length."""
    if len(head) < 8:
        return 0
    if head[2] != 0x0E:
        return None
    at = 8
    for _ in range(head[7]):
        if len(head) < at + 2:
            return 0
        at += 2 + head[at + 1]
    return at + 2


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS. Over a frame with its check value (low byte first) it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


CRC_TABLE = tuple(_crc_entry(byte) for byte in range(256))
"""Reflected polynomial 0xA001 (Modbus over serial line V1.02, appendix B)."""
