"""How fast a stream carries bytes and what quiet it needs between frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Echo = Literal["auto", "on", "off"]

FASTEST_T35_S = 0.00175
"""Above 19200 Bd the quiet between frames does not shrink any more (Modbus over serial line V1.02, 2.5.1.1)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Zero throughout for a network connection."""

    char_s: float = 0.0
    """How long one character takes on the wire, start, parity and stop bits included."""
    gap_s: float = 0.0
    """Quiet on the wire before a question."""
    retries: int = 0
    """How often a poll is asked again when no answer came; a command is repeated only where its station says so."""
    echo: Echo = "off"
    """Whether what is sent comes back on the receiving side (a two-wire RS-485 adapter that hears itself)."""


def character_s(baud: int, bytesize: int, parity: bool, stopbits: float) -> float:
    """How long one character takes."""
    return (1 + bytesize + int(parity) + stopbits) / baud


def t35_s(character: float, baud: int) -> float:
    """The quiet of 3.5 characters that Modbus RTU wants between frames."""
    return 3.5 * character if baud <= 19_200 else FASTEST_T35_S
