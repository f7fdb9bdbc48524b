"""Whether a release on trial is well: as well as the one before it, as that one said of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sluis.app.lines import Line
from sluis.panel.reports import Readiness
from sluis.sdk import Registry

Told = Mapping[str, Sequence[str]]
"""What the release before had: `links` that were up, `drivers` that were loaded. Kept in the launcher's journal."""


class Gate:
    """Looks at links, drivers, and the parts that a reading passes through."""

    def __init__(self, links: Mapping[str, Line], registry: Registry, readiness: Callable[[], Readiness]) -> None:
        self._links = links
        self._registry = registry
        self._readiness = readiness

    def now(self) -> Told:
        """For the release that follows."""
        return {"links": sorted(self._up()), "drivers": sorted(self._drivers())}

    def problem(self, before: Told) -> str:
        """What is not there yet; "" when all is."""
        ready, up, drivers = self._readiness(), self._up(), self._drivers()
        parts = {"the store": ready.store, "the broker": ready.broker, "the intake": ready.intake}
        lacks = [part for part, well in parts.items() if not well]
        lacks += [f"the link {name}" for name in before.get("links", ()) if name not in up]
        lacks += [f"the driver {key}" for key in before.get("drivers", ()) if key not in drivers]
        return f"not ready: {', '.join(lacks)}" if lacks else ""

    def _up(self) -> set[str]:
        return {name for name, link in self._links.items() if link.health().up}

    def _drivers(self) -> set[str]:
        return {driver.about.key for driver in self._registry}
