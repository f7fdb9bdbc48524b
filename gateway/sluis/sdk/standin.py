"""A stand-in: a device in a few lines, for whoever writes its driver and has none at hand.

    class Stand(StandIn):
        kind = "serial"

        def answers(self, to: str, data: bytes) -> Iterable[tuple[str, bytes]]:
            if data == b"T?":
                yield to, b"T=21.5"

`sluis driver simulate FILE` plays it on a real transport (a broker, a TCP port, a pseudo terminal, the air between
virtual radios, a mocked pin); `sluis driver check` plays it against the driver, with every mishap there is on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class StandIn:
    """One device. It may remember what it was told; it knows no clock and no network."""

    kind: ClassVar[str] = "mqtt"
    """Kind of its link: mqtt, ble, serial, net, gpio."""
    every_s: ClassVar[float] = 5.0
    """How often it says something by itself, seconds."""
    end: ClassVar[bytes] = b"\r\n"
    """What ends a message on a stream of bytes (serial, net)."""

    def says(self) -> Iterable[tuple[str, bytes]]:
        """(source, data) of what it says by itself: topic and payload; address and AD structures; pin and level."""
        return ()

    def answers(self, to: str, data: bytes) -> Iterable[tuple[str, bytes]]:
        """(source, data) of what it says to something that was sent to it."""
        return ()
