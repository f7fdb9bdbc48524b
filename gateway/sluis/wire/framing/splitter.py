"""What all splitters are, and what they have in common."""

from __future__ import annotations

from typing import Protocol


class Splitter(Protocol):
    """One direction of one stream."""

    dropped: int
    """Frames thrown away because they grew too long."""
    noise: int
    """Bytes thrown away because they belong to no frame."""
    bad: int
    """Frames whose check value did not fit."""

    def feed(self, data: bytes) -> list[bytes]:
        """Bytes arrived: the frames that are whole now, oldest first."""

    def silence(self) -> list[bytes]:
        """Nothing came for the gap that ends a frame: what is whole now."""

    def reset(self) -> None:
        """Forget what is half received (a new connection)."""

    @property
    def holding(self) -> bool:
        """Whether a frame has begun and not ended."""


class Counted:
    """What all splitters have in common."""

    def __init__(self, max_bytes: int) -> None:
        self.dropped = self.noise = self.bad = 0
        self._max = max_bytes
        self._held = bytearray()

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def silence(self) -> list[bytes]:
        return []

    def reset(self) -> None:
        self._held.clear()

    def _skip(self, count: int) -> None:
        self.noise += count
        del self._held[:count]
