"""The one error of this room."""

from __future__ import annotations

from sluis.model import DriverError


class Fallen(DriverError):
    """The driver host hangs, died, or talks nonsense: it must be ended."""
