"""A flasher with its board in memory: what the bench is held to without any port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sluis_provision.flashers import BoardFound, Part, Progress
from sluis_provision.flashers.kinds import no_part_sure, nothing_said
from sluis_provision.flashers.port import Port
from sluis_provision.flashers.problem import NoRepl, Unplugged


@dataclass
class Board:
    """One board: what its flash holds, and when its cable is pulled."""

    uid: str
    chip: str = "esp32c3"
    flash_bytes: int = 4 << 20
    version: str = "1.29.0"
    held: dict[str, str] = field(default_factory=dict)
    """Place -> SHA-256 of what is there."""
    pull_after: int | None = None
    """Pull the cable at this action (a part that is written, a verification, a start); None for never."""
    worn: set[str] = field(default_factory=set)
    """Places that do not keep what is written."""
    hang: asyncio.Event | None = None
    """Where it is, the board waits for it before each part."""
    wrote: list[str] = field(default_factory=list)
    """Each part that was written, in order."""
    acted: int = 0

    def act(self) -> None:
        self.acted += 1
        if self.pull_after is not None and self.acted > self.pull_after:
            self.pull_after = None
            raise Unplugged("the board was unplugged")


class Pretend:
    """Flashes a `Board`."""

    kind = "pretend"

    def __init__(self, board: Board) -> None:
        self.board = board

    async def probe(self) -> BoardFound:
        self.board.act()
        return BoardFound(self.board.chip, self.board.uid, "v0.4", self.board.flash_bytes)

    async def enter_loader(self) -> None:
        self.board.act()

    async def erase(self) -> None:
        self.board.act()
        self.board.held.clear()

    async def write(
        self,
        parts: Sequence[Part],
        progress: Progress = nothing_said,
        sure: Callable[[Part], None] = no_part_sure,
    ) -> None:
        total = sum(len(part.content) for part in parts)
        done = 0
        for part in parts:
            if self.board.hang is not None:
                await self.board.hang.wait()
            self.board.held[part.place] = "half of something"
            self.board.act()
            await asyncio.sleep(0)
            if part.place not in self.board.worn:
                self.board.held[part.place] = part.sha256
            self.board.wrote.append(part.place)
            done += len(part.content)
            progress(done, total)
            sure(part)

    async def verify(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        self.board.act()
        return tuple(part for part in parts if self.board.held.get(part.place) != part.sha256)

    async def boot(self) -> BoardFound:
        self.board.act()
        return BoardFound(self.board.chip, self.board.uid, version=self.board.version)

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Port]:
        raise NoRepl("it has no console")
        yield
