"""A ladder of recovery: try the mildest cure first, then the next, and remember which of them ever helped.

A link describes its cures as rungs (rescan, reopen, power-cycle, USB reset); the ladder climbs from the lowest until
the link's own trial says that data flows again, and starts over from the lowest next time. Every step is told with its
duration and outcome, so that a person sees what was tried and what tends to work.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sluis.model import SluisError
from sluis.runtime.clock import Clock
from sluis.runtime.waiting import within

log = logging.getLogger(__name__)

STEP_WITHIN_S = 30.0
"""Longest a rung may take, its trial included. A silent daemon hangs its caller for ever; a USB reset and a scan take
some ten seconds together."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One cure."""

    name: str
    """Stable word for history and panel: `reopen`, `power-cycle`."""
    act: Callable[[], Awaitable[None]]
    """Raises SluisError or OSError when it cannot be done here."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one rung did."""

    link: str
    rung: str
    at_us: int
    for_s: float
    healed: bool
    detail: str = ""


class Ladder:
    """The rungs of one link, mildest first."""

    def __init__(
        self, link: str, rungs: Sequence[Rung], clock: Clock, told: Callable[[Step], None] = lambda step: None
    ) -> None:
        self.rungs = tuple(rungs)
        self.at = ""
        """The rung that is being tried; "" when none is."""
        self._link = link
        self._clock = clock
        self._told = told

    async def climb(self, trial: Callable[[], Awaitable[bool]]) -> bool:
        """Try rung after rung until `trial` says that data flows. False when the top did not help either."""
        for rung in self.rungs:
            self.at = rung.name
            try:
                if await self._step(rung, trial):
                    return True
            finally:
                self.at = ""
        return False

    async def _step(self, rung: Rung, trial: Callable[[], Awaitable[bool]]) -> bool:
        began = self._clock.stamp()
        healed, detail = False, ""

        async def cure() -> bool:
            await rung.act()
            return await trial()

        try:
            healed = await within(self._clock, STEP_WITHIN_S, cure())
        except TimeoutError:
            detail = f"not over within {STEP_WITHIN_S:.0f} s"
        except (SluisError, OSError) as error:
            detail = str(error) or type(error).__name__
        for_s = (self._clock.stamp().mono_us - began.mono_us) / 1e6
        log.info(
            "%s: %s %s after %.1f s %s", self._link, rung.name, "helped" if healed else "did not help", for_s, detail
        )
        self._told(Step(self._link, rung.name, began.at_us, for_s, healed, detail))
        return healed
