"""Whether the gateway is alive and ready, and its numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from sluis.model import Role
from sluis.panel.auth import HouseDep, origin_of, require, visitor_of
from sluis.panel.door import LOOPBACK
from sluis.panel.metrics import CONTENT_TYPE, exposition

router = APIRouter(tags=["open"])


class Alive(BaseModel):
    alive: bool = True


class Ready(BaseModel):
    ready: bool
    store: bool
    broker: bool
    intake: bool


@router.get("/healthz")
async def get_alive() -> Alive:
    """Whether the process answers."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "A part is not ready."}})
async def get_ready(house: HouseDep, response: Response) -> Ready:
    """Whether every part that a reading passes through is ready: 200, else 503."""
    said = house.system.readiness()
    response.status_code = 200 if said.ready else 503
    return Ready(ready=said.ready, store=said.store, broker=said.broker, intake=said.intake)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def get_metrics(house: HouseDep, request: Request) -> Response:
    """Numbers in the Prometheus text format: from this machine freely, from elsewhere with a token."""
    if origin_of(request) not in LOOPBACK:
        await require(Role.VIEWER, "system:read")(await visitor_of(request))
    report = await house.system.report()
    return Response(exposition(house, report, request.app.state.hub), media_type=CONTENT_TYPE)
