"""Improv's packets on a serial port, found among whatever else is said there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from sluis.wire.improv.rpc import LONGEST, summed

HEADER = b"IMPROV\x01"
"""With the version, the only one there is."""

LENGTH = len(HEADER) + 1
"""Where a packet says how much data it has."""


class Packet(IntEnum):
    """Type of a packet on a serial port."""

    STATE = 1
    ERROR = 2
    COMMAND = 3
    RESULT = 4


@dataclass(frozen=True, slots=True)
class Heard:
    """One packet from a serial port."""

    kind: int
    """A number that is no `Packet` where the device is newer than we are."""
    data: bytes


def serial(kind: Packet, data: bytes) -> bytes:
    """A packet for a serial port. ValueError when the data is too long for one."""
    if len(data) > LONGEST:
        raise ValueError(f"{len(data)} bytes do not fit into a packet")
    return summed(HEADER + bytes((kind, len(data))) + data)


class Reader:
    """Finds packets in what a serial port brings. What is no packet, a damaged one too, counts as noise: it is kept,
    up to a length, as it is often the device's log and says why nothing works.

    A packet whose checksum is wrong may hide the head of the next one in what was taken for its data; so only its own
    head is given up, and the rest is looked at again.
    """

    NOISE = 4096

    def __init__(self) -> None:
        self.damaged = 0
        """Packets with a wrong checksum."""
        self.noise = b""
        """The newest of it."""
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Heard]:
        """The packets that are whole now."""
        self._held += data
        while True:
            start = self._held.find(HEADER)
            if start < 0:
                self._skip(len(self._held) - _beginning(self._held))
                return
            self._skip(start)
            if len(self._held) < len(HEADER) + 2 or len(self._held) < (size := len(HEADER) + 3 + self._held[LENGTH]):
                return
            packet = bytes(self._held[:size])
            if sum(packet[:-1]) & 0xFF != packet[-1]:
                self.damaged += 1
                self._skip(len(HEADER))
                continue
            del self._held[:size]
            yield Heard(packet[len(HEADER)], packet[len(HEADER) + 2 : -1])

    def _skip(self, count: int) -> None:
        if count:
            self.noise = (self.noise + bytes(self._held[:count]))[-self.NOISE :]
            del self._held[:count]


def _beginning(held: bytearray) -> int:
    """How many of the last bytes may be the beginning of a packet."""
    return next((n for n in range(min(len(held), len(HEADER) - 1), 0, -1) if held.endswith(HEADER[:n])), 0)
