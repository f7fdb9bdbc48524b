"""A meeting room: intake, poller and control on real links, with a device on the other end of the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.conftest import eventually
from tests.services.intake.conftest import MemoryStore

from sluis.control import Control
from sluis.intake import Intake, Poller, Register
from sluis.links.loop import LoopLink
from sluis.model import Receipt, Value
from sluis.model.commands import SYSTEM
from sluis.runtime import Bus, SystemClock
from sluis.sdk import Driver, Registry


class Receipts:
    """Control's store, in memory."""

    def __init__(self) -> None:
        self.held: dict[str, Receipt] = {}

    async def save(self, receipts: Sequence[Receipt]) -> None:
        self.held |= {one.command.id: one for one in receipts}

    async def unfinished(self) -> list[Receipt]:
        return [one for one in self.held.values() if not one.stage.final]

    async def receipt(self, command_id: str) -> Receipt | None:
        return self.held.get(command_id)

    async def receipts(self, *, device: str = "", point: str = "", limit: int = 100, before: str = "") -> list[Receipt]:
        return [one for one in self.held.values() if device in ("", one.command.device)][:limit]


class Room:
    """One device in it, at a time."""

    def __init__(self, *links: LoopLink, drivers: tuple[type[Driver], ...]) -> None:
        clock, bus, store = SystemClock(), Bus(), MemoryStore()
        by_name = {link.name: link for link in links}
        self.register = Register(Registry(*drivers), store, store, clock, bus, store)
        self.control = Control(self.register, by_name, clock, bus, store, Receipts())
        intake = Intake(self.register, store, links, clock, bus)
        self.scan = intake.scan
        parts = [
            *links,
            self.register,
            intake,
            Poller(self.register, by_name, clock, bus),
            self.control,
        ]
        self.tasks = [asyncio.ensure_future(part.run()) for part in parts]
        self.key = ""

    async def add(self, driver: str, link: str, address: str, /, **setup: Any) -> None:
        self.key = (await self.register.add(driver, link, address, setup=setup, actor=SYSTEM)).key

    @property
    def values(self) -> dict[str, Value]:
        return {point: held.value for point, held in self.register.twin(self.key).reported.items()}

    async def shows(self, within_s: float = 10.0, **wanted: Value) -> None:
        """Wait until the device reports these values."""
        await eventually(lambda: wanted.items() <= self.values.items(), within_s)

    async def told(self, point: str, value: Value | None, deadline_s: float | None = None) -> Receipt:
        """The outcome of a command."""
        receipt = await self.control.submit(self.key, point, value, SYSTEM, deadline_s=deadline_s)
        return await asyncio.wait_for(self.control.outcome(receipt.command.id), 20)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
