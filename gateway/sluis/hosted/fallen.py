"""The errors of this room."""

from __future__ import annotations

from sluis.model import DriverError


class Fallen(DriverError):
    """The driver host hangs, died, or talks nonsense: it must be ended."""


class HostDown(DriverError):
    """The driver host is not there: what the driver would have said nobody knows. No new fault of the driver."""
