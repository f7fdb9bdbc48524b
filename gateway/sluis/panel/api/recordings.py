"""Reading what is being recorded on a link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sluis.panel.api.guards import CanRecord
from sluis.panel.api.shapes import Key, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/links", tags=["links"])

After = Annotated[int, Query(ge=0, description="Bytes of the recording that are known already.")]


class RecordedOut(Out):
    """A piece of a recording."""

    lines: list[str]
    """Lines of a frames file, whole."""
    next: int
    """Ask again with `after` set to this."""


@router.get("/{link}/recording")
async def read_recording(house: HouseDep, actor: CanRecord, link: Key, after: After = 0) -> RecordedOut:
    """What is being recorded on a link, piece by piece. Keys and addresses are in it as they were sent."""
    everywhere(actor)
    lines, following = await house.system.recorded(link, after)
    return RecordedOut(lines=list(lines), next=following)
