"""A place in which radios hear each other, and a link in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from sluis.links.ble.link import BleLink
from sluis.links.ble.settings import BleSettings
from sluis.model import Frame
from sluis.runtime import Step, SystemClock
from tests.conftest import a_free_port, eventually

from .air import Adapter, Air, Peripheral

SENSOR = "C4:11:11:11:11:11"


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    made = Air()
    yield made
    await made.close()


@pytest.fixture
async def adapter(air: Air) -> Adapter:
    return await air.adapter(a_free_port())


@pytest.fixture
async def sensor(air: Air) -> Peripheral:
    return await air.peripheral(SENSOR)


@dataclass
class Running:
    """A link that runs, with what it brought."""

    link: BleLink
    task: asyncio.Task[None]
    steps: list[Step]
    """What was tried on the ladder."""

    async def frames(self, source: str, count: int = 1) -> list[Frame]:
        """The next frames from a source; others are passed over."""
        found: list[Frame] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                found += [frame for frame in await self.link.take() if frame.source == source]
        return found

    async def up(self) -> None:
        await eventually(lambda: self.link.up)

    async def knows(self, address: str) -> None:
        """Until the device was heard, so that it can be connected to."""
        await eventually(lambda: self.link.air.device(address) is not None)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Starter:
    """Starts links that end with the test."""

    def __init__(self) -> None:
        self.running: list[Running] = []

    def __call__(self, adapter: Adapter | str, **settings: Any) -> Running:
        spec = adapter if isinstance(adapter, str) else adapter.spec
        settings = {"retry_cap_s": 0.2, "call_timeout_s": 0.6, **settings}
        link = BleLink(BleSettings(adapter=spec, **settings), SystemClock())
        steps: list[Step] = []
        link.on_step(steps.append)
        made = Running(link, asyncio.ensure_future(link.run()), steps)
        self.running.append(made)
        return made


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    made = Starter()
    yield made
    for one in made.running:
        await one.stop()
