from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tests.devices.av.room import Room

from sluis.links.loop import LoopLink
from sluis.sdk import Driver

Furnish = Callable[..., Room]


@pytest.fixture
async def furnish() -> AsyncIterator[Furnish]:
    """Make a room on some links for some drivers; it is cleared when the test ends."""
    made: list[Room] = []

    def room(*links: LoopLink, drivers: tuple[type[Driver], ...]) -> Room:
        made.append(Room(*links, drivers=drivers))
        return made[-1]

    yield room
    for one in made:
        await one.stop()
