"""Bluetooth LE advertisements: AD structures in, an `Advertisement` out, and back.

Theory of operation. A radio's frame holds what one advertisement (with its scan response) said, as a row of AD
structures, whichever way the radio's own software told it. So drivers, recordings and stand-ins share one form.

    LL TT VV ... | LL TT VV ... | ...

    L length of T and V together (0 ends the row: the rest is padding) | T type | V value, numbers low byte first

    02 03  16 bit service UUIDs        04 05  32 bit ones       06 07  128 bit ones
    08 09  local name (08 shortened)   0A     transmit power, signed dBm
    16     service data, 16 bit UUID   20     with 32 bit       21     with 128 bit
    FF     manufacturer data: company identifier (2 bytes), then its own
    others (flags, appearance, ...) are passed over

Limits: one structure holds 254 bytes of value. Where two structures hold data for one service or one company, the later
one counts, as in BlueZ.
Source: Bluetooth Core Specification 5.4, volume 3 part C section 11; its Supplement 11, part A section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from sluis.model import Truncated

BASE_UUID = "-0000-1000-8000-00805f9b34fb"
"""What follows the first eight digits of every UUID that was given out by the Bluetooth SIG."""

MOST = 254
"""Bytes of value in one structure: its length is one byte and counts the type."""

_BASE = bytes.fromhex(BASE_UUID.replace("-", ""))[::-1]
_UUID_BYTES = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_DATA_UUID_BYTES = {0x16: 2, 0x20: 4, 0x21: 16}
_LISTS, _SERVICE_DATA = {2: 0x03, 16: 0x07}, {2: 0x16, 16: 0x21}
_SHORT_NAME, _NAME, _TX_POWER, _MANUFACTURER = 0x08, 0x09, 0x0A, 0xFF


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What one advertisement says. UUIDs are lower-case: 4 hex digits where they are 16 bit, else 36 characters."""

    name: str = ""
    services: tuple[str, ...] = ()
    """Services it says to have (those with data are not among them unless listed too)."""
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    """Company identifier -> data without it."""
    tx_power_dbm: int | None = None


def uuid16(uuid: str) -> str:
    """A UUID in the form used here: `fcd2` for `0000FCD2-0000-1000-8000-00805F9B34FB`, others lower-case."""
    uuid = uuid.lower()
    if len(uuid) == 36 and uuid.startswith("0000") and uuid.endswith(BASE_UUID):
        return uuid[4:8]
    return uuid


def uuid128(uuid: str) -> str:
    """A UUID in its long form of 36 characters: what Bluetooth libraries take."""
    uuid = uuid.lower()
    return f"0000{uuid}{BASE_UUID}" if len(uuid) == 4 else uuid


def parse(data: bytes) -> Advertisement:
    """The advertisement in AD structures. Truncated when one of them is shorter than it says or than it must be."""
    name, shortened, tx_power = "", "", None
    services: list[str] = []
    service_data: dict[str, bytes] = {}
    manufacturer_data: dict[int, bytes] = {}
    for kind, value in structures(data):
        if kind == _MANUFACTURER:
            _long_enough(kind, value, 2)
            manufacturer_data[value[0] | value[1] << 8] = value[2:]
        elif kind in _DATA_UUID_BYTES:
            size = _DATA_UUID_BYTES[kind]
            _long_enough(kind, value, size)
            service_data[_uuid(value[:size])] = value[size:]
        elif kind == _NAME:
            name = value.decode(errors="replace")
        elif kind == _SHORT_NAME:
            shortened = value.decode(errors="replace")
        elif kind in _UUID_BYTES:
            services += _uuids(kind, value)
        elif kind == _TX_POWER:
            _long_enough(kind, value, 1)
            tx_power = value[0] - 256 if value[0] > 127 else value[0]
    return Advertisement(name or shortened, tuple(services), service_data, manufacturer_data, tx_power)


def build(advertisement: Advertisement) -> bytes:
    """The AD structures that say this. ValueError when a value fits into none, or a UUID is none."""
    parts = [*_service_lists(advertisement.services)]
    for uuid, data in advertisement.service_data.items():
        wire = _wire(uuid)
        parts.append(_structure(_SERVICE_DATA[len(wire)], wire + data))
    for company, data in advertisement.manufacturer_data.items():
        parts.append(_structure(_MANUFACTURER, company.to_bytes(2, "little") + data))
    if advertisement.name:
        parts.append(_structure(_NAME, advertisement.name.encode()))
    if advertisement.tx_power_dbm is not None:
        parts.append(_structure(_TX_POWER, advertisement.tx_power_dbm.to_bytes(1, signed=True)))
    return b"".join(parts)


def structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) of each AD structure. Truncated when the last one is cut off."""
    at, end = 0, len(data)
    while at < end:
        length = data[at]
        if length == 0:
            return
        if at + 1 + length > end:
            raise Truncated(f"AD structure of {length} bytes at offset {at}, and only {end - at - 1} left")
        yield data[at + 1], data[at + 2 : at + 1 + length]
        at += 1 + length


def _long_enough(kind: int, value: bytes, least: int) -> None:
    if len(value) < least:
        raise Truncated(f"AD structure {kind:#04x} holds {len(value)} bytes, not {least}")


def _uuids(kind: int, value: bytes) -> Iterator[str]:
    size = _UUID_BYTES[kind]
    if len(value) % size:
        raise Truncated(f"AD structure {kind:#04x}: {len(value)} bytes are no row of {size} byte UUIDs")
    for at in range(0, len(value), size):
        yield _uuid(value[at : at + size])


def _uuid(wire: bytes) -> str:
    """A UUID from its bytes on the air (low byte first)."""
    if len(wire) == 16 and wire[:12] == _BASE:
        wire = wire[12:]
    if len(wire) == 4 and wire[2:] == b"\0\0":
        wire = wire[:2]
    digits = wire[::-1].hex()
    if len(wire) == 2:
        return digits
    if len(wire) == 4:
        return digits + BASE_UUID
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _wire(uuid: str) -> bytes:
    """The bytes on the air of a UUID: 2 or 16 of them."""
    wire = bytes.fromhex(uuid16(uuid).replace("-", ""))[::-1]
    if len(wire) not in _LISTS:
        raise ValueError(f"{uuid!r} is no UUID of 4 or 36 characters")
    return wire


def _service_lists(services: Iterable[str]) -> Iterator[bytes]:
    """Structures of UUIDs, in their order: a new one where the size changes or one is full."""
    for size, run in groupby(map(_wire, services), len):
        wires = list(run)
        each = MOST // size
        for at in range(0, len(wires), each):
            yield _structure(_LISTS[size], b"".join(wires[at : at + each]))


def _structure(kind: int, value: bytes) -> bytes:
    if len(value) > MOST:
        raise ValueError(f"AD structure {kind:#04x} cannot hold {len(value)} bytes")
    return bytes((len(value) + 1, kind)) + value
