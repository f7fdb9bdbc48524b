"""What was tried to bring links back, and whether it helped: the history of their recovery ladders."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sluis.runtime import Step
from sluis.store.database import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RungTally:
    """How often a rung of a link was tried, and what it was good for."""

    link: str
    rung: str
    tries: int
    healed: int
    mean_s: float
    """How long a try took."""
    last_us: int


class LinkSteps:
    """Appends from the event loop, without waiting: a step that a full disk keeps out is no reason to stop healing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, step: Step) -> None:
        row = (step.link, step.rung, step.at_us, int(step.for_s * 1e6), step.healed, step.detail)
        self._database.submit(
            lambda c: c.execute(
                "INSERT INTO link_steps (link, rung, at_us, for_us, healed, detail) VALUES (?, ?, ?, ?, ?, ?)", row
            )
        ).add_done_callback(_noted)

    async def steps(self, link: str = "", limit: int = 100, before_id: int | None = None) -> Sequence[tuple[int, Step]]:
        """(number, step), newest first; of one link, or of all."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, Step]]:
            rows = connection.execute(
                "SELECT * FROM link_steps WHERE (? = '' OR link = ?) AND id < ? ORDER BY id DESC LIMIT ?",
                (link, link, before_id if before_id is not None else 2**62, limit),
            )
            return [(row["id"], _step(row)) for row in rows]

        return await self._database.read(work)

    async def tallies(self, link: str = "") -> Sequence[RungTally]:
        """Per link and rung, those tried most first."""

        def work(connection: sqlite3.Connection) -> list[RungTally]:
            rows = connection.execute(
                "SELECT link, rung, count(*), sum(healed), avg(for_us) / 1e6, max(at_us) FROM link_steps"
                " WHERE ? = '' OR link = ? GROUP BY link, rung ORDER BY link, count(*) DESC, rung",
                (link, link),
            )
            return [RungTally(*row) for row in rows]

        return await self._database.read(work)

    async def prune(self, before_us: int) -> int:
        """Remove steps older than `before_us`; how many went."""
        return await self._database.write(
            lambda c: c.execute("DELETE FROM link_steps WHERE at_us < ?", (before_us,)).rowcount
        )


def _step(row: sqlite3.Row) -> Step:
    return Step(row["link"], row["rung"], row["at_us"], row["for_us"] / 1e6, bool(row["healed"]), row["detail"])


def _noted(written: Future[sqlite3.Cursor]) -> None:
    if not written.cancelled() and (error := written.exception()) is not None:
        log.warning("a step of a link's recovery could not be kept: %s", error)
