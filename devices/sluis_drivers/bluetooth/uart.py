"""Anything that speaks lines of text over the Nordic UART service: Espruino, micro:bit, own boards.

Models: what offers service 6E400001-B5A3-F393-E0A9-E50E24DCCA9E.

    ADDRESS/6e400003-...   text ... \\n     notifications from the device, cut wherever the radio likes
    ADDRESS/6e400002-...   text ... \\n     written to the device, 20 bytes at a time

The last line is a point, and what is written to `send` goes to the device as a line. A driver for a board of your own
can build on this one and make readings of its lines.

Limits: a line longer than 512 bytes is dropped. The connection is kept open, so nobody else can use the device.
Sources: https://docs.nordicsemi.com, Nordic UART Service (nRF Connect SDK 2.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from sluis.sdk import (
    About,
    Announcement,
    BleMatch,
    Command,
    Decoded,
    Driver,
    Frame,
    Implausible,
    Kind,
    Link,
    NotMine,
    Point,
    Sniffed,
    Station,
)
from sluis.sdk.driver import Grade
from sluis.sdk.payload import no_such_point, wished_word
from sluis.wire.advertising import parse
from sluis_drivers.bluetooth import pairing

EVIDENCE = "It offers the Nordic UART service, as very different devices do."

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
TO_DEVICE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
FROM_DEVICE = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
LINE_MOST = 512
PIECE = 20
"""Bytes of one write. Every device takes these; more only after the two have agreed on it."""


class NordicUart(Driver):
    """One device that speaks lines."""

    about = About(
        key="nordic-uart",
        vendor="Nordic",
        models=("UART service",),
        match=BleMatch(services=(SERVICE,)),
        sources=("Nordic UART Service, nRF Connect SDK 2.7",),
        grade=Grade.BRONZE,
        setup=(pairing.PAIRING,),
        proven="the GATT server of Bumble",
    )

    line = Point(kind=Kind.TEXT)
    send = Point(kind=Kind.TEXT, writable=True)

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._begun = b""
        """The beginning of a line whose end is still to come."""

    def succeed(self, before: Self) -> None:
        self._begun = before._begun

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        said = parse(frame.data) if "/" not in frame.source else None
        if said is None or SERVICE not in said.services:
            raise NotMine
        return [Announcement(frame.source, name=said.name, confidence="possible", evidence=EVIDENCE)]

    def topics(self) -> Iterable[str]:
        return (self.native_id, f"{self.native_id}/{FROM_DEVICE}")

    def station(self) -> Station | None:
        return pairing.station(self)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source == self.native_id:
            return ()  # it advertises: it is there
        if frame.source != f"{self.native_id}/{FROM_DEVICE}":
            raise NotMine
        *lines, begun = (self._begun + frame.data).split(b"\n")
        self._begun = begun if len(begun) <= LINE_MOST else b""
        if any(len(line) > LINE_MOST for line in lines) or len(begun) > LINE_MOST:
            raise Implausible(f"a line of more than {LINE_MOST} bytes")
        return [self.line(line.rstrip(b"\r").decode(errors="replace")) for line in lines]

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "send":
            raise no_such_point(command.point)
        data = wished_word(command.point, command.value).encode() + b"\n"
        for at in range(0, len(data), PIECE):
            await link.send(data[at : at + PIECE], to=f"{self.native_id}/{TO_DEVICE}")
