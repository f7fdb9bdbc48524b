"""What is counted of a shared stream, in all and by address."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

REMEMBERED = 200
"""Answers of which the latency is remembered, by address. With fewer the 99th percentile is no more than the worst."""

ADDRESSES = 300
"""Addresses with counters of their own: a Modbus pair has 247. Line noise may invent more; those share one entry."""


@dataclass(slots=True)
class Address:
    """One address, since start."""

    asked: int = 0
    answered: int = 0
    timeouts: int = 0
    late: int = 0
    """Answers that came after their time, or fitted an earlier question: not taken for the current one."""
    unasked: int = 0
    """Whole frames of this address that answer nothing we asked: its own news, or another master's dialogue."""
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def notes(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "asked": self.asked,
            "answered": self.answered,
            "timeouts": self.timeouts,
            "late": self.late,
            "unasked": self.unasked,
        }
        if self.latencies_s:
            ordered = sorted(self.latencies_s)
            shown["p50_ms"] = round(1000 * ordered[len(ordered) // 2], 1)
            shown["p99_ms"] = round(1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1)
        return shown


@dataclass(slots=True)
class Tally:
    """One stream, since start."""

    bytes_in: int = 0
    bytes_out: int = 0
    echoes: int = 0
    """Questions of ours that came back and were dropped."""
    collisions: int = 0
    """Questions of ours that came back changed: somebody else spoke at the same time."""
    crowded: int = 0
    """Questions sent although the wire was never quiet: it is full of noise, or has a second master."""
    noise: int = 0
    """Bytes that belong to no frame."""
    bad: int = 0
    """Frames whose check value does not fit."""
    too_long: int = 0
    addresses: dict[str, Address] = field(default_factory=dict)

    def of(self, source: str) -> Address:
        if source not in self.addresses and len(self.addresses) >= ADDRESSES:
            source = "others"
        return self.addresses.setdefault(source, Address())
