"""What became of each board: for programs, and for the person at the bench."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sluis_provision.bench.card import Card, Step
from sluis_provision.bench.job import Job


def event(card: Card) -> dict[str, Any]:
    """One change, for a stream, a log or an audit trail."""
    said: dict[str, Any] = {
        "port": card.port,
        "place": card.place,
        "id": card.uid,
        "step": str(card.step),
        "percent": card.percent,
        "said": card.said,
    }
    if card.failure is not None:
        said |= {"failed_at": str(card.failure.at), "code": card.failure.code, "next": card.failure.next}
    return said


def report(job: Job, cards: Iterable[Card], not_done: Sequence[Step]) -> dict[str, Any]:
    """The whole run. `not_done`: steps that nobody did on this bench."""
    boards = [_board(card) for card in cards]
    return {
        "profile": job.profile.key,
        "image": job.image,
        "sha256": job.sha256,
        "version": job.version,
        "files": {part.file: part.sha256 for part in job.files},
        "not_done": [str(step) for step in not_done],
        "done": sum(board["step"] == Step.DONE for board in boards),
        "failed": sum(board["step"] == Step.FAILED for board in boards),
        "boards": boards,
    }


def _board(card: Card) -> dict[str, Any]:
    return event(card) | {
        "board": asdict(card.found) if card.found else None,
        "kept_bytes": card.kept,
        "started": _moment(card.started_us),
        "ended": _moment(card.ended_us),
        "seconds": round((card.ended_us - card.started_us) / 1e6, 1) if card.ended_us else None,
    }


def text(made: dict[str, Any]) -> str:
    """The same for a person: one line a board, and below it what to do where it failed."""
    lines = [
        f"{made['image']} for {made['profile']}: {made['done']} done, {made['failed']} failed",
        f"SHA-256 {made['sha256']}",
    ]
    for board in made["boards"]:
        what = board["board"] or {}
        who = " ".join(filter(None, (board["port"], what.get("chip"), board["id"])))
        spent = f" ({board['seconds']} s)" if board["seconds"] is not None else ""
        where = f"failed while {board['failed_at']}" if board["step"] == Step.FAILED else board["step"]
        lines.append(f"- {who}: {where}{spent}: {board['said']}")
        if board["step"] == Step.FAILED:
            lines.append(f"  {board['next']}")
    if made["not_done"]:
        lines.append(f"Not done here: {', '.join(made['not_done'])}.")
    return "\n".join(lines) + "\n"


def _moment(at_us: int) -> str | None:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds") if at_us else None
