"""Settings of control."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """How long commands wait, and how many."""

    queue_per_device: int = 32
    """Commands that may wait for one device; a further one is refused."""
    proof_s: float = 30.0
    """How long the point that proves an effect (power drawn, flow) may take to show it."""
    already_s: float = 1.0
    """How long to wait for a device to answer when it already reports the wished value; some say nothing then."""
