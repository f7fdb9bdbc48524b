"""ACME M3: energy meter with a relay, on an RS-485 pair.

Models: M3, firmware 3.x; 9600 baud, 8 data bits, even parity.

    question   68 A C L D... S 16      A address 1-250 | C command | L bytes of D | S sum of A to D, without the carry
    answer     68 A C L D... S 16      the same A and C; C with its highest bit set: refused, D = reason

    C 01 read    answer D  UU II PP EEEE R    U 0.1 V | I 0.01 A | P W, signed | E Wh | R relay; high byte first
    C 02 switch  D  R, and so does its answer
    reasons      1 unknown command, 2 locked by hand
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from sluis.model import Refused
from sluis.sdk import (
    About,
    Ask,
    BadChecksum,
    Command,
    Decoded,
    Driver,
    Frame,
    Framing,
    Grade,
    Implausible,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Truncated,
)
from sluis.sdk.payload import no_such_point, wished_switch

READ, SWITCH, REFUSED = 0x01, 0x02, 0x80
MEASURED = struct.Struct(">HHhLB")
REASONS = {1: "unknown command", 2: "locked by hand"}


class AcmeM3(Driver):
    """One M3. Its native id is `BUS/3`: address 3 on the link named BUS."""

    about = About(
        key="acme-m3",
        vendor="ACME",
        models=("M3",),
        match=LinkMatch(kinds=("serial",)),
        sources=("ACME M3 bus protocol 3.1, sections 2 to 4",),
        grade=Grade.SILVER,
        framing=Framing("length", start=b"\x68", length_at=3, length_adds=6, same=((1, 1, 1),), max_bytes=64),
        setup=(Ask("ratio", "Current transformer ratio", Kind.NUMBER, default=1, hint="20 for 100/5 A"),),
        sdk=2,
    )

    voltage = Point("voltage", "V", minimum=0, maximum=300, every_s=10)
    current = Point("current", "A", minimum=0, every_s=10)
    power = Point("power", "W", every_s=10)
    energy = Point("energy", "kWh", minimum=0, every_s=10)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True, every_s=10)

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        address = native_id.rpartition("/")[2]
        self._address = int(address) if address.isdigit() else 0
        self._ratio = self.setting("ratio", 1)

    def poll_every_s(self) -> float | None:
        return 10

    async def poll(self, link: Link) -> None:
        await link.request(self._frame(READ), to=self.native_id)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        command, data = self._opened(frame.data)
        if command & REFUSED:
            raise Implausible(f"refused: {REASONS.get(data[0], data[0]) if data else 'without a reason'}")
        if command != READ:
            return []
        if len(data) != MEASURED.size:
            raise Truncated(f"{len(data)} bytes of values, not {MEASURED.size}")
        voltage, current, power, energy, relay = MEASURED.unpack(data)
        return [
            self.voltage(voltage / 10),
            self.current(current * self._ratio / 100),
            self.power(power * self._ratio),
            self.energy(energy * self._ratio / 1000),
            self.relay(relay != 0),
        ]

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "relay":
            raise no_such_point(command.point)
        on = wished_switch(command.point, command.value)
        answer = await link.request(self._frame(SWITCH, bytes([on])), to=self.native_id)
        said, data = self._opened(answer.data)
        if said & REFUSED:
            raise Refused(f"the meter says: {REASONS.get(data[0], data[0]) if data else 'no'}")
        await self.poll(link)

    def _frame(self, command: int, data: bytes = b"") -> bytes:
        body = bytes([self._address, command, len(data)]) + data
        return b"\x68" + body + bytes([sum(body) & 0xFF]) + b"\x16"

    def _opened(self, frame: bytes) -> tuple[int, bytes]:
        """Command and data of an answer of this meter."""
        if len(frame) < 6 or len(frame) != frame[3] + 6:
            raise Truncated(f"{len(frame)} bytes are no frame")
        if frame[0] != 0x68 or frame[-1] != 0x16:
            raise Implausible("it does not begin with 68 and end with 16")
        if sum(frame[1:-2]) & 0xFF != frame[-2]:
            raise BadChecksum
        if frame[1] != self._address:
            raise Implausible(f"meter {frame[1]} answered for meter {self._address}")
        return frame[2], frame[4:-2]
