"""The live stream as an endpoint. What it says is in `sluis.panel.stream`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from sluis.panel.api.guards import CanSee
from sluis.panel.auth import HouseDep, VisitorDep, again
from sluis.panel.stream import Hub
from sluis.panel.visitor import Visitor

router = APIRouter(prefix="/api/v1", tags=["live"])

Names = Annotated[str, Query(max_length=8_000, description="Comma-separated; empty for all.")]


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def get_stream(
    house: HouseDep,
    actor: CanSee,
    visitor: VisitorDep,
    request: Request,
    devices: Names = "",
    areas: Names = "",
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> StreamingResponse:
    """Server-sent events: a snapshot, then what changes, a heartbeat every two seconds; resumes by Last-Event-ID."""
    hub: Hub = request.app.state.hub
    hub.admit()

    async def recheck() -> Visitor:
        return await again(request)

    pieces = hub.listen(visitor, recheck, devices=_names(devices), areas=_names(areas), last_id=last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(pieces, media_type="text/event-stream", headers=headers)


def _names(text: str) -> frozenset[str] | None:
    return frozenset(part.strip() for part in text.split(",") if part.strip()) or None
