"""Intake, register and poller on one real link, with a store in memory: what a device that is polled or heard needs."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.services.intake.conftest import MemoryStore

from sluis.intake import Intake, Poller, Register
from sluis.links.loop import LoopLink
from sluis.model import Command
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Driver, Registry


class House:
    """Runs until `stop`."""

    def __init__(self, link: LoopLink, driver: type[Driver]) -> None:
        clock, bus, store = SystemClock(), Bus(), MemoryStore()
        self.link, self._driver = link, driver.about.key
        self.register = Register(Registry(driver), store, store, clock, bus, store)
        self.intake = Intake(self.register, store, [link], clock, bus)
        poller = Poller(self.register, {link.name: link}, clock, bus)
        self._tasks = [asyncio.ensure_future(part.run()) for part in (link, self.register, self.intake, poller)]

    async def add(self, address: str, **setup: Any) -> str:
        """The key of the device that was added at an address."""
        return (await self.register.add(self._driver, self.link.name, address, setup=setup, actor=SYSTEM)).key

    def values(self, key: str) -> dict[str, Any]:
        return {point: held.value for point, held in self.register.twin(key).reported.items()}

    def outcomes(self, key: str) -> list[str]:
        """What became of the last frames."""
        return [outcome for _, outcome in self.register.frames(key)]

    async def command(self, key: str, point: str, value: Any) -> None:
        await self.register.driver(key).perform(self.link, Command("c", key, point, value, SYSTEM, 0))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
