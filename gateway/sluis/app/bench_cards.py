"""Cards of the bench as the panel shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sluis.panel.bench import BoardReport, RunReport
from sluis_provision.bench import Card, Step

RESTARTED = "the gateway was restarted meanwhile"
CARRY_ON = "Press Again: what the board confirmed is read back and not written again."


def boards_of(cards: Iterable[Card]) -> tuple[BoardReport, ...]:
    return tuple(_board(one) for one in cards)


def _board(card: Card) -> BoardReport:
    found, failure = card.found, card.failure
    return BoardReport(
        port=card.port,
        place=card.place,
        id=card.uid,
        chip=found.chip if found else "",
        revision=found.revision if found else "",
        flash_bytes=found.flash_bytes if found else 0,
        step=str(card.step),
        percent=card.percent,
        said=card.said,
        failed_at=str(failure.at) if failure else "",
        code=failure.code if failure else "",
        next=failure.next if failure else "",
        started_us=card.started_us,
        ended_us=card.ended_us,
    )


def stopped(board: BoardReport, now_us: int) -> BoardReport:
    return replace(
        board,
        step=str(Step.FAILED),
        failed_at=board.step,
        said=f"{RESTARTED}; the board was {board.step}",
        code="provision.stopped",
        next=CARRY_ON,
        ended_us=now_us,
    )


def plain(run: RunReport, told: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The report of a tray: of boards whose end this run did not see, what is known of them; of others what is told."""
    better = {one["port"]: one for one in told}
    boards = [better.get(one.port) or asdict(one) for one in run.boards]
    steps = [one["step"] for one in boards]
    named = {"profile": run.wish.profile, "image": run.image, "boards": boards}
    return named | {"done": steps.count("done"), "failed": steps.count("failed")}
