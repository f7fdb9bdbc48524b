"""Where releases come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SupplySettings:
    """Releases for nodes."""

    repository: str = ""
    """Address of the release repository that a technician may import from, `https://...`. Empty: sticks and files only.
    What comes from it is believed for its signatures, not for its address. Other addresses are for admins."""
