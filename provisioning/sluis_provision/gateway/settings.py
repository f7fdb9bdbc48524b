"""How this gateway takes releases of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Releases of the gateway itself."""

    trial_s: float = 60.0
    """So long without a break a new release must be well before it is confirmed. Shorter misses what fails later."""
    within_s: float = 300.0
    """A new release that was not well for `trial_s` by then goes back. Links to slow devices need a minute or two."""
    keep_days: float = 14.0
    """How long the database of before an update is kept, so that a person can go back to it."""
