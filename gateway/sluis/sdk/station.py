"""What a link must know of one device that is reached through it, and what a person must tell of a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluis.model import Kind, Value


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream of bytes is cut into frames; data only, the cutting is in `sluis.wire.framing`."""

    kind: str = "line"
    """`line` (ends with `end`), `enclosed` (from `start` to `end`), `silence` (until nothing came for `gap_s`),
    `modbus-rtu`, `length` (a length field, high byte first), `datagram` (each packet is a frame), `p1` (DSMR telegram).
    A `line` comes without its end; all others come whole."""
    start: bytes = b""
    end: bytes = b"\r\n"
    gap_s: float = 0.02
    """Silence that ends a frame, seconds."""
    length_at: int = 0
    """`length`: offset of the length field."""
    length_bytes: int = 1
    length_adds: int = 0
    """`length`: bytes of the frame that the field does not count."""
    same: tuple[tuple[int, int, int], ...] = ()
    """Bytes of a question that its answer repeats: (offset in the question, offset in the answer, how many). A frame
    that does not fit is no answer to that question (a late one, perhaps); it reaches `decode` without `asked`. Modbus
    RTU needs none: its address and function are compared."""
    max_bytes: int = 4096
    """A frame that grows longer is dropped and counted: no peer may fill the memory by never ending a line."""


@dataclass(frozen=True, slots=True)
class Station:
    """One device on a link."""

    source: str
    """The source of its frames and the `to` of what is sent to it: `BUS/3`, `192.0.2.7:4352`."""
    framing: Framing | None = None
    listens: bool = False
    """It speaks unasked: the link keeps the connection open."""
    greets: bool = False
    """It says something whenever a connection is made; `request` with nothing to send returns that."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else this kind of link needs, by the link's own names. serial and net: `opening` (lines sent first on each
    new connection, after the greeting where it greets: a login, the wish to be told of changes), `answer_s` (how long
    this device may take to answer), `turn_round_s` (quiet before it is asked), `retries`. net: `idle_s` (the
    connection is closed after so long without use), `local_port` (udp: where the device sends its answers). ble: `pair`
    (true: the device is paired when it is connected), `passkey` (with it; the six digits that the device shows)."""
    besides: tuple[Station, ...] = ()
    """Where else on this link it speaks (a projector that tells its changes over UDP). `topics` names those sources
    too."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a person must tell of a device. The answers are in `Driver.setting(key)`."""

    key: str
    label: str
    """English; panel and command line translate it."""
    kind: Kind = Kind.TEXT
    options: tuple[str, ...] = ()
    default: Value = ""
    required: bool = False
    secret: bool = False
    """Never shown again once it was given."""
    hint: str = ""
