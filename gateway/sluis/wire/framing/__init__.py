"""A stream of bytes cut into frames: lines, enclosed frames, Modbus RTU, length fields, DSMR telegrams.

Theory of operation. A splitter is fed bytes in whatever pieces the wire hands over, and returns the frames that have
become whole; how the stream was cut into pieces never matters. It knows no time: who owns the wire calls `silence`
when nothing came for the kind's gap. Whatever it is fed, it raises nothing and holds at most `max_bytes` (P1: that for
the telegram, and again for the line that comes next): a peer that never ends a line is dropped until the next end, and
counted.

`line` frames come without their end; all others come whole, from the first byte to the last.
"""

from __future__ import annotations

from collections.abc import Callable

from sluis.wire.framing.lengths import Datagrams, Lengths, ModbusRtu, Silences
from sluis.wire.framing.lines import Lines, Telegrams
from sluis.wire.framing.splitter import Splitter

__all__ = ["Splitter", "splitter"]


def splitter(
    kind: str,
    *,
    start: bytes = b"",
    end: bytes = b"\r\n",
    length_at: int = 0,
    length_bytes: int = 1,
    length_adds: int = 0,
    max_bytes: int = 4096,
) -> Splitter:
    """The splitter of a kind of framing (the kinds of `sluis.sdk.Framing`). ValueError for a kind there is not."""
    if kind == "line":
        return Lines(end, max_bytes, blank=False)
    if kind == "enclosed":
        return Lines(end, max_bytes, start)
    if kind == "length":
        return Lengths(length_at, length_bytes, length_adds, max_bytes, start)
    if kind not in PLAIN:
        raise ValueError(f"there is no framing {kind!r}")
    return PLAIN[kind](max_bytes)


PLAIN: dict[str, Callable[[int], Splitter]] = {
    "silence": Silences,
    "datagram": Datagrams,
    "modbus-rtu": ModbusRtu,
    "p1": Telegrams,
}
"""Kinds that need to know nothing but how long a frame may be."""
