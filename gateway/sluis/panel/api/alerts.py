"""Alerts: what is wrong now, what was, who takes it up."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from sluis.model import Actor, NotFound
from sluis.panel.api.guards import CanHandleAlerts, CanSeeAlerts
from sluis.panel.api.shapes import Cursor, In, Label, Limit, Out, Page, RowId, Sentence, pack, unpack
from sluis.panel.auth import HouseDep, sees_key
from sluis.panel.ports import Alert, House

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


class AlertOut(Out):
    """One episode of a rule's condition."""

    id: int
    rule: str
    version: str
    """Of the rule that opened it."""
    severity: str
    device: str
    point: str
    area: str
    message: str
    messages: dict[str, str]
    """What is the matter, by language."""
    opened_at_us: int
    owner: str
    card: str
    acknowledged_at_us: int | None
    acknowledged_by: str
    cleared_at_us: int | None
    affected: list[str]
    """Devices that cannot be reached because of this."""
    folded_into: int | None
    """The alert of the common cause that this one turned out to be part of."""


class AlertStepOut(Out):
    """One thing that happened to an alert."""

    at_us: int
    what: str
    who: str
    note: str


class AlertStory(AlertOut):
    """An alert with what happened to it."""

    steps: list[AlertStepOut]


class Assignment(In):
    owner: Label


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
        found = [alert_out(house, actor, one) for one in await house.alerts.open() if may_see(house, actor, one)]
        return Page(items=found[:limit], total=len(found))
    after = unpack(cursor, int)
    items, last = await _history(house, actor, limit, after[0] if after else None)
    return Page(items=items, next=pack(last) if last else "")


@router.get("/{alert}")
async def get_alert(house: HouseDep, actor: CanSeeAlerts, alert: RowId) -> AlertStory:
    """One alert with what happened to it, oldest first."""
    found = alert_out(house, actor, await _alert(house, actor, alert))
    steps = [AlertStepOut.model_validate(step) for step in await house.alerts.steps(alert)]
    return AlertStory(**found.model_dump(), steps=steps)


@router.post("/{alert}/acknowledge")
async def acknowledge_alert(house: HouseDep, actor: CanHandleAlerts, alert: RowId, words: Words) -> AlertOut:
    """Say that you take it up."""
    await _alert(house, actor, alert)
    return alert_out(house, actor, await house.alerts.acknowledge(alert, actor, words.text))


@router.post("/{alert}/note")
async def note_alert(house: HouseDep, actor: CanHandleAlerts, alert: RowId, words: Words) -> AlertOut:
    """Write down what you found."""
    await _alert(house, actor, alert)
    return alert_out(house, actor, await house.alerts.note(alert, actor, words.text))


@router.post("/{alert}/assign")
async def assign_alert(house: HouseDep, actor: CanHandleAlerts, alert: RowId, wish: Assignment) -> AlertOut:
    """Give an alert to a person or a team; an empty owner gives it back."""
    await _alert(house, actor, alert)
    return alert_out(house, actor, await house.alerts.assign(alert, wish.owner, actor))


def alert_out(house: House, actor: Actor, alert: Alert) -> AlertOut:
    """An alert as the API shows it to this actor."""
    return AlertOut(
        id=alert.id,
        rule=alert.rule,
        version=alert.version,
        severity=alert.severity,
        device=alert.device,
        point=alert.point,
        area=alert.area,
        message=alert.message,
        messages={language: alert.sentence(language) for language in ("en", "nl")},
        opened_at_us=alert.opened_at_us,
        owner=alert.owner,
        card=alert.card,
        acknowledged_at_us=alert.acknowledged_at_us or None,
        acknowledged_by=alert.acknowledged_by,
        cleared_at_us=alert.cleared_at_us or None,
        affected=[key for key in alert.affected if sees_key(house, actor, key)],
        folded_into=alert.folded_into or None,
    )


def may_see(house: House, actor: Actor, alert: Alert) -> bool:
    """An alert is seen by those who see its device, or one that suffers from it; the rest by those who see all."""
    if actor.areas is None:
        return True
    return any(sees_key(house, actor, key) for key in (alert.device, *alert.affected) if key)


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
                items.append(alert_out(house, actor, row))
            if len(items) == limit:
                return items, row.id
        if len(rows) < limit:
            return items, 0
    return items, before or 0
