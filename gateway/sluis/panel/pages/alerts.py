"""Alerts: open ones by cause, what became of earlier ones, and taking one up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import NotFound
from sluis.panel.api.alerts import may_see
from sluis.panel.auth import HouseDep, VisitorDep
from sluis.panel.pages import site
from sluis.panel.pages.devices import Text, _back
from sluis.panel.pages.guards import Handler, Viewer
from sluis.panel.pages.render import open_alerts, page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import SEVERITIES

router = APIRouter()

PAGE = 50

Note = Annotated[str, Form(max_length=2_000)]


@router.get("/alerts", include_in_schema=False)
async def alerts(
    request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer, show: str = "open", before: int | None = None
) -> Response:
    """`show`: `open` (by cause), `taken`, or `history`."""
    speech = speech_of(request)
    opened = await open_alerts(house, visitor)
    more: dict[str, Any] = {"show": show, "severities": SEVERITIES, "sentence_of": site.sentence_of}
    if show == "history":
        rows = [one for one in await house.alerts.history(PAGE, before) if may_see(house, actor, one)]
        more |= {"rows": rows, "next": rows[-1].id if len(rows) == PAGE else 0, "levels": site.LEVELS}
        more["where"] = {one.id: site.area_of(house, one) for one in rows}
        return await page(request, "alerts.html", section="alerts", causes=[], **more)
    taken = show == "taken"
    causes = site.causes_of(house, [one for one in opened if bool(one.acknowledged_at_us) is taken], speech)
    counts = {"open": sum(not one.acknowledged_at_us for one in opened)}
    counts["taken"] = len(opened) - counts["open"]
    more |= {"causes": causes, "counts": counts, "notes": await _notes(house, causes)}
    if "hx-request" in request.headers:
        return part(request, "parts/causes.html", **more)
    return await page(request, "alerts.html", section="alerts", **more)


async def _notes(house: Any, causes: list[site.Cause]) -> dict[int, list[Any]]:
    """What people wrote, by alert."""
    steps = getattr(house.alerts, "steps", None)
    if steps is None:
        return {}
    return {one.first: [step for step in await steps(one.first) if step.note] for one in causes}


@router.post("/alerts/acknowledge", include_in_schema=False)
async def acknowledge(
    request: Request,
    house: HouseDep,
    actor: Handler,
    ids: Annotated[list[int], Form(max_length=500)],
    note: Note = "",
    back: Text = "/alerts",
) -> Response:
    """Take up everything that has this cause."""
    for number in ids:
        alert = await house.alerts.alert(number)
        if alert is None or not may_see(house, actor, alert):
            raise NotFound(f"there is no alert {number}")
        await house.alerts.acknowledge(number, actor, note.strip())
    return then(_back(back, ""), Toast("taken"))


@router.post("/alerts/{alert_id}/note", include_in_schema=False)
async def write_note(alert_id: int, house: HouseDep, actor: Handler, note: Note, back: Text = "/alerts") -> Response:
    """Write down what was found."""
    alert = await house.alerts.alert(alert_id)
    if alert is None or not may_see(house, actor, alert):
        raise NotFound(f"there is no alert {alert_id}")
    if note.strip():
        await house.alerts.note(alert_id, actor, note.strip())
    return then(_back(back, ""), Toast("noted"))
