"""Settings of intake."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from sluis.model import Device


@dataclass(frozen=True, slots=True)
class AdoptionRule:
    """A person's standing decision: devices that look like this are adopted by themselves."""

    driver: str = "*"
    """Driver key, with * and ? as wildcards."""
    native_id: str = "*"
    """Identity in the device's own protocol, with * and ? as wildcards."""
    area: str = ""
    """Area they go to; "" for the area the device itself suggests."""

    def fits(self, device: Device) -> bool:
        return fnmatchcase(device.driver, self.driver) and fnmatchcase(device.native_id, self.native_id)


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How much one device may send, and how many strangers are remembered."""

    flood_per_s: float = 200.0
    """Frames per second a single device may send for long; what is above is counted and dropped."""
    flood_burst: int = 20_000
    """Frames a single device may send at once (a node that empties its outbox after an outage)."""
    max_discovered: int = 1_000
    """Discovered devices remembered at most; the one found first gives way to a new one."""
    adopt: tuple[AdoptionRule, ...] = ()
    """Devices to adopt without asking; each of these rules is a person's decision and is audited as such."""
    frames_kept: int = 50
    """Raw frames kept in memory per device for its page."""
