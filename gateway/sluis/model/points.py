"""A point: one typed value that a device offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sluis.model.readings import Occurrence, Quality, Reading, Value


class Kind(StrEnum):
    """The Python type of a point's value, and how a person meets it."""

    NUMBER = "number"
    """int or float, with a unit."""
    SWITCH = "switch"
    """bool: on/off, open/closed, yes/no."""
    CHOICE = "choice"
    """str, one of `options`."""
    TEXT = "text"
    """str, free."""
    TRIGGER = "trigger"
    """No value: readings never exist; occurrences (a button press) or a write-only action (press, restart)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One typed value a device offers.

    In a driver class a point declared as an attribute takes its key from the attribute's name, and calling
    it makes a `Reading`:

        temperature = Point("temperature", "°C", minimum=-40, maximum=85)
        ...
        yield self.temperature(21.5)

    quantity  what is measured, a Home Assistant device class ("temperature", "power", "outlet", ...) or ""
    unit      unit string as Home Assistant writes it ("°C", "W", "%"); "" for none
    minimum, maximum  plausible range for a reading and permitted range for a write, inclusive, in `unit`
    rate_per_s  largest plausible change per second, in `unit`; None for no limit
    every_s   expected interval between readings in seconds; silence longer than 2.5 times that is stale.
              None when the device only reports changes (then the device's availability decides)
    settles_s  how long the device may take to report what was commanded, in seconds, where that is longer than the
              usual 5: a command that names no deadline of its own gets this one
    meta      driver's own routing data for a dynamic point (topics, templates); never shown
    """

    quantity: str = ""
    unit: str = ""
    kind: Kind = Kind.NUMBER
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    writable: bool = False
    rate_per_s: float | None = None
    every_s: float | None = None
    key: str = ""
    name: str = ""
    """Label for people; empty means: derived from the quantity or key, in the reader's language."""
    category: str = ""
    """"" for what a person looks at first; "diagnostic" or "config" for the rest (Home Assistant's words)."""
    proof: str = ""
    """Key of the point that independently shows the effect of a command on this one (power drawn, flow)."""
    settles_s: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)

    def __set_name__(self, owner: type, name: str) -> None:
        if not self.key:
            object.__setattr__(self, "key", name)

    def __call__(self, value: Value, quality: Quality = Quality.GOOD, at_us: int | None = None) -> Reading:
        return Reading(self.key, value, quality, at_us)

    def occurred(self, what: str) -> Occurrence:
        """The occurrence `what` of this trigger point."""
        return Occurrence(self.key, what)

    def named(self, key: str, **changes: Any) -> Point:
        """A copy under another key (dynamic points)."""
        return replace(self, key=key, **changes)
