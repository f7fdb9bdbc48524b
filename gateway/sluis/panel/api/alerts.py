"""Alerts: what is wrong now, what was, who takes it up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from sluis.model import Actor, NotFound, UnknownDevice
from sluis.panel.api.guards import CanHandleAlerts, CanSeeAlerts
from sluis.panel.api.shapes import Cursor, In, Limit, Out, Page, RowId, Sentence, pack, unpack
from sluis.panel.auth import HouseDep, sees
from sluis.panel.ports import Alert, House

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


class AlertOut(Out):
    """One episode of a rule's condition."""

    id: int
    rule: str
    severity: str
    device: str
    point: str
    message: str
    opened_at_us: int
    acknowledged_at_us: int | None = None
    acknowledged_by: str = ""
    cleared_at_us: int | None = None
    cause: str = ""
    """What lies behind it (`link:NAME`, `parent:KEY`) when one cause explains several."""
    notes: list[dict[str, Any]] = Field(default_factory=list)


class Words(In):
    """What a person says about an alert."""

    text: Sentence = ""


@router.get("")
async def list_alerts(
    house: HouseDep,
    actor: CanSeeAlerts,
    state: Annotated[Literal["open", "all"], Query()] = "open",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[AlertOut]:
    """Open alerts, or all, newest first."""
    if state == "open":
        found = [alert_out(one) for one in await house.alerts.open() if may_see(house, actor, one)]
        return Page(items=found[:limit], total=len(found))
    after = unpack(cursor, int)
    items, last = await _history(house, actor, limit, after[0] if after else None)
    return Page(items=items, next=pack(last) if last else "")


@router.get("/{alert}")
async def get_alert(house: HouseDep, actor: CanSeeAlerts, alert: RowId) -> AlertOut:
    """One alert with its notes."""
    return alert_out(await _alert(house, actor, alert))


@router.post("/{alert}/acknowledge")
async def acknowledge_alert(house: HouseDep, actor: CanHandleAlerts, alert: RowId, words: Words) -> AlertOut:
    """Say that you take it up."""
    await _alert(house, actor, alert)
    return alert_out(await house.alerts.acknowledge(alert, actor, words.text))


@router.post("/{alert}/note")
async def note_alert(house: HouseDep, actor: CanHandleAlerts, alert: RowId, words: Words) -> AlertOut:
    """Write down what you found."""
    await _alert(house, actor, alert)
    return alert_out(await house.alerts.note(alert, actor, words.text))


def alert_out(alert: Alert) -> AlertOut:
    return AlertOut.model_validate(alert)


def may_see(house: House, actor: Actor, alert: Alert) -> bool:
    """An alert is seen by those who see its device; one of the gateway itself by those who see all areas."""
    if actor.areas is None:
        return True
    try:
        return bool(alert.device) and sees(actor, house.register.device(alert.device))
    except UnknownDevice:
        return False


async def _alert(house: House, actor: Actor, alert_id: int) -> Alert:
    alert = await house.alerts.alert(alert_id)
    if alert is None or not may_see(house, actor, alert):
        raise NotFound(f"there is no alert {alert_id}")
    return alert


PAGES_LOOKED_AT = 20
"""Pages of history looked through for one answer to somebody with rights in few areas: bounds the work, not the
list (the cursor goes on where it stopped)."""


async def _history(house: House, actor: Actor, limit: int, before: int | None) -> tuple[list[AlertOut], int]:
    """A page of past alerts, and the id to go on from (0 for the end)."""
    items: list[AlertOut] = []
    for _ in range(PAGES_LOOKED_AT):
        rows = await house.alerts.history(limit, before)
        for row in rows:
            before = row.id
            if may_see(house, actor, row):
                items.append(alert_out(row))
            if len(items) == limit:
                return items, row.id
        if len(rows) < limit:
            return items, 0
    return items, before or 0
