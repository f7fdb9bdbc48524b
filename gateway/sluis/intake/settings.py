"""Settings of intake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How much one device may send, and how many strangers are remembered."""

    flood_per_s: float = 200.0
    """Frames per second a single device may send for long; what is above is counted and dropped."""
    flood_burst: int = 20_000
    """Frames a single device may send at once (a node that empties its outbox after an outage)."""
    max_discovered: int = 1_000
    """Discovered devices remembered at most; further ones are counted only."""
    frames_kept: int = 50
    """Raw frames kept in memory per device for its page."""
