"""Improv on Bluetooth LE: its service, its advertisement, and RPCs in pieces."""

from __future__ import annotations

from collections.abc import Iterator

from sluis.model import BadChecksum, NotMine, Truncated
from sluis.wire.advertising import Advertisement
from sluis.wire.improv.rpc import Can, State, state_of, summed

SERVICE, STATE, ERROR, COMMAND, RESULT, CAPABILITIES = (f"00467768-6228-2272-4663-27747826800{n}" for n in range(6))
"""The service, and its characteristics."""

SERVICE_DATA = "4677"

PIECE = 20
"""Bytes that every connection carries in one write (ATT's smallest MTU of 23, less three)."""


def ble(rpc: bytes) -> bytes:
    """An RPC or a result as it is written to, or read from, its characteristic."""
    return summed(rpc)


def pieces(data: bytes, size: int = PIECE) -> Iterator[bytes]:
    """What is written to a characteristic, write by write."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def whole(data: bytes) -> bool:
    """Whether an RPC or result on Bluetooth, which may come in pieces, is all there."""
    return len(data) >= 2 and len(data) >= data[1] + 3


def unpacked(data: bytes) -> bytes:
    """The RPC or result of a characteristic, its checksum tried. Truncated, BadChecksum."""
    if not whole(data):
        raise Truncated(f"an RPC of {len(data)} bytes ends too early")
    end = data[1] + 2
    if sum(data[:end]) & 0xFF != data[end]:
        raise BadChecksum("the sum of an RPC is another one")
    return data[:end]


class Assembler:
    """Puts an RPC or a result on Bluetooth together from its pieces."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> bytes | None:
        """The whole of it, without its checksum; None while more is to come. BadChecksum, and it begins anew."""
        self._held += piece
        if not whole(self._held):
            return None
        held, self._held = self._held, b""
        return unpacked(held)


def service_data(state: State, can: Can) -> bytes:
    """What a device that offers Improv advertises of it: state, capabilities, four bytes for later."""
    return bytes((state, can, 0, 0, 0, 0))


def offered(advertisement: Advertisement) -> tuple[State, Can]:
    """What this device offers. NotMine when it is not Improv; Truncated, Implausible when that is damaged."""
    data = advertisement.service_data.get(SERVICE_DATA)
    if data is None:
        # Before revision 2.0 of the protocol there was no service data.
        if SERVICE in advertisement.services:
            return State.READY, Can(0)
        raise NotMine
    if len(data) < 2:
        raise Truncated("service data of Improv has six bytes")
    return state_of(data[0]), Can(data[1] & 0x0F)
