"""What keeps the store in order while it runs: packing, retention, quota, budget, old deliveries."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sluis.model import StoreError
from sluis.runtime import Clock
from sluis.store import deliveries
from sluis.store.budget import Budget
from sluis.store.packing import Packing
from sluis.store.quota import Quota
from sluis.store.readings import Readings
from sluis.store.retention import Retention

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
"""Between two looks whether something is due. A look costs one small query."""

TIDY_EVERY = 10
"""Looks between two enforcements of the quota and two prunings of deliveries."""

SWEEP_EVERY = 60
"""Looks between two sweeps by age, and two records of what was written."""

Chore = Callable[[], Awaitable[object]]


class Upkeep:
    """`run` it beside intake. A full disk postpones its work, nothing else."""

    def __init__(self, readings: Readings, clock: Clock) -> None:
        self.packing = Packing(readings)
        self.retention = Retention(readings)
        self.quota = Quota(readings)
        self.budget = Budget(readings)
        self._database = readings.database
        self._clock = clock
        self._looks = 0

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Do what is due now."""
        now = self._clock.stamp()
        self.budget.look(now)
        chores: list[Chore] = [lambda: self.packing.step(now)]
        if self._looks % TIDY_EVERY == 0:
            chores += [self.quota.enforce, lambda: self._database.write(deliveries.prune)]
        if self._looks % SWEEP_EVERY == 0:
            chores += [lambda: self.retention.sweep(now), self.budget.keep]
        self._looks += 1
        for chore in chores:
            try:
                await chore()
            except StoreError as error:
                log.warning("upkeep of the store is postponed: %s", error)
                return
