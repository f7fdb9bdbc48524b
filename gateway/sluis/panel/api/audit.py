"""The audit log: read and check."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sluis.panel.api.guards import CanAudit
from sluis.panel.api.shapes import Cursor, Limit, Out, Page, pack, unpack
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Filter = Annotated[str, Query(max_length=200)]


class AuditEntryOut(Out):
    """One thing that somebody did."""

    seq: int
    at_us: int
    mono_us: int
    trusted: bool
    boot: str
    actor: str
    origin: str
    action: str
    object: str
    detail: dict[str, Any]
    reason: str
    digest: str


class FindingOut(Out):
    seq: int
    kind: str
    what: str


class VerdictOut(Out):
    """Outcome of a check of the whole log."""

    sound: bool
    entries: int
    checkpoints: int
    head: str
    findings: list[FindingOut]


@router.get("")
async def list_audit(
    house: HouseDep,
    actor: CanAudit,
    who: Filter = "",
    action: Filter = "",
    object: Filter = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[AuditEntryOut]:
    """Who did what, newest first. `action` is an action or a noun (`device`)."""
    everywhere(actor)
    before = unpack(cursor, int)
    entries = await house.audit.entries(
        limit + 1, before[0] if before else None, actor=who, action=action, object=object
    )
    items = [AuditEntryOut.model_validate(entry) for entry in entries[:limit]]
    return Page(items=items, next=pack(items[-1].seq) if len(entries) > limit else "")


@router.get("/verify")
async def verify_audit(house: HouseDep, actor: CanAudit) -> VerdictOut:
    """Hold the whole log against its hash chain and its signed checkpoints."""
    everywhere(actor)
    return VerdictOut.model_validate(await house.audit.verify())
