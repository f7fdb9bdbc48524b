"""A driver failed: what it was doing, with what, and how."""

from __future__ import annotations

from dataclasses import dataclass

from sluis.model.commands import Command
from sluis.model.devices import Device
from sluis.model.frames import Frame


@dataclass(frozen=True, slots=True)
class DriverFailed:
    """One failure of a driver itself, not of its device: it raised what it may not, hung, or died."""

    driver: str
    doing: str
    """`sniff`, `decode`, `poll` or `perform`."""
    error: Exception
    device: Device | None = None
    """The device it was for; None for `sniff`."""
    frame: Frame | None = None
    command: Command | None = None
