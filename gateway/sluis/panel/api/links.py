"""Links: how they are, what passes over them, and what was done to bring them back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sluis.panel.api.guards import CanRecord, CanSeeSystem
from sluis.panel.api.shapes import Cursor, Key, Limit, Out, Page, pack, unpack
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/links", tags=["links"])

Filter = Annotated[str, Query(max_length=120, description="Name of a link; empty for all.")]


class LinkOut(Out):
    name: str
    kind: str
    up: bool
    since_us: int
    reason: str
    address: str
    received: int
    sent: int
    waiting: int
    dropped: int
    reconnects: int
    last_error: str
    rung: str
    recording: str
    notes: dict[str, Any]
    devices: int
    """Devices in use on it."""
    reachable: int
    """Of these, those that are heard."""
    heard_us: int
    """When the last frame of one of these came; 0 for never since the start."""


class RecordingOut(Out):
    link: str
    file: str


class StepOut(Out):
    """One step on a link's recovery ladder."""

    link: str
    rung: str
    at_us: int
    for_s: float
    healed: bool
    detail: str


class RungOut(Out):
    """How often a rung was tried, and what it was good for."""

    link: str
    rung: str
    tries: int
    healed: int
    mean_s: float
    last_us: int


@router.get("")
async def list_links(house: HouseDep, actor: CanSeeSystem) -> list[LinkOut]:
    """The links and how they are."""
    return [LinkOut.model_validate(one) for one in house.system.links()]


@router.get("/steps")
async def list_steps(
    house: HouseDep, actor: CanSeeSystem, link: Filter = "", limit: Limit = 100, cursor: Cursor = ""
) -> Page[StepOut]:
    """What was tried to bring links back, newest first: of one link, or of all."""
    before = unpack(cursor, int)
    found = await house.recovery.steps(link, limit, before[0] if before else None)
    following = pack(found[-1][0]) if len(found) == limit else ""
    return Page(items=[StepOut.model_validate(step) for _, step in found], next=following)


@router.get("/rungs")
async def list_rungs(house: HouseDep, actor: CanSeeSystem, link: Filter = "") -> list[RungOut]:
    """Per link and step of its ladder: how often it was tried, how often it helped, how long it took."""
    return [RungOut.model_validate(one) for one in await house.recovery.tallies(link)]


@router.put("/{link}/recording")
async def start_recording(house: HouseDep, actor: CanRecord, link: Key) -> RecordingOut:
    """Write every frame that arrives on a link to a file on the gateway, until it is stopped."""
    everywhere(actor)
    return RecordingOut(link=link, file=await house.system.record(link, True, actor))


@router.delete("/{link}/recording")
async def stop_recording(house: HouseDep, actor: CanRecord, link: Key) -> RecordingOut:
    """Stop that; the file that was written, empty when nothing was."""
    everywhere(actor)
    return RecordingOut(link=link, file=await house.system.record(link, False, actor))
