"""One device: what it says, what it takes, its history, its health; and what people change about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import (
    Actor,
    Device,
    DeviceState,
    Kind,
    OutOfRange,
    Point,
    Receipt,
    Role,
    SluisError,
    UnknownPoint,
    Value,
)
from sluis.panel.auth import HouseDep, VisitorDep, device_for
from sluis.panel.errors import NotPermitted
from sluis.panel.i18n import Tongue
from sluis.panel.pages import site
from sluis.panel.pages.asks import setup_of
from sluis.panel.pages.guards import Operator, Technician, Viewer
from sluis.panel.pages.node_faults import firmware_of
from sluis.panel.pages.node_record import node_of
from sluis.panel.pages.node_updates import releases_for
from sluis.panel.pages.paths import paths_of, proposals
from sluis.panel.pages.render import open_alerts, page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.views import AGE_LIMIT_S, device_view
from sluis.panel.pages.wellness import TRENDS, WellnessView, wellness_view
from sluis.panel.pages.words import PROBLEMS, STAGES, STATES
from sluis.panel.ports import House
from sluis.panel.visitor import Visitor

router = APIRouter()

AT_ONCE_S = 1.2
"""How long a form's answer waits for the outcome of a command. Most devices answer within a tenth of a second, and
"confirmed" at once is better than "waiting"; longer and a slow device makes the page feel dead."""

WITHOUT_SCRIPT_S = 6.0
"""The same without scripts: nothing on the page would change later, so wait for the command's own deadline."""

SPANS = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "1y": 365 * 86_400}

Text = Annotated[str, Form(max_length=200)]


@router.get("/devices/{key}", include_in_schema=False)
async def device(
    key: str, request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer, point: str = "", edit: str = ""
) -> Response:
    """Everything about one device."""
    found = device_for(house, actor, key)
    return await device_page(request, house, visitor, actor, found, point=point, edit=edit)


async def device_page(
    request: Request,
    house: House,
    visitor: Visitor,
    actor: Actor,
    found: Device,
    *,
    point: str = "",
    edit: str = "",
    setup: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    """The page of a device; `setup` is the form of its driver's questions, after an answer that did not fit."""
    key = found.key
    speech, now_us = speech_of(request), house.clock.stamp().at_us
    view = device_view(house.register, found, actor, speech, now_us)
    causes = site.causes_of(house, [one for one in await open_alerts(house, visitor) if one.device == key], speech)
    charted = [one for one in view.points if one.kind in (Kind.NUMBER, Kind.SWITCH)]
    usual = sorted(charted, key=lambda one: (bool(one.category), one.kind is Kind.SWITCH, not one.reported))
    shown = next((one for one in charted if one.key == point), usual[0] if usual else None)
    deep = actor.may(Role.TECHNICIAN, found.area)
    node = await node_of(house, found) if deep and actor.areas is None else None
    return await page(
        request,
        "device.html",
        section="areas",
        status=status,
        setup=setup or setup_of(house, actor, found),
        paths=paths_of(house, actor, found),
        proposals=proposals(house, actor, [found])[key] if deep else [],
        view=view,
        wellness=await _wellness(house, found, speech),
        trends=TRENDS,
        device=found,
        causes=causes,
        chart=shown,
        charted=charted,
        table=await _table(house, key, shown.key, now_us) if shown else [],
        frames=list(reversed(house.register.frames(key)))[:10] if deep else [],
        counters=house.register.counters(key),
        deep=deep,
        node=node,
        firmware=firmware_of(house, found, speech) if node is not None else None,
        releases=await releases_for(house, node) if node is not None else [],
        edit=bool(edit) and deep,
        areas=house.register.areas(),
        states=STATES,
        age_limit_s=AGE_LIMIT_S,
        area_href=site.area_href,
    )


async def _wellness(house: House, found: Device, speech: Tongue) -> WellnessView | None:
    """How well it is; None for a device that is not in use."""
    if found.state is not DeviceState.ADOPTED:
        return None
    return wellness_view(await house.wellness.of(found.key), found, speech)


async def _table(house: House, key: str, point: str, now_us: int) -> list[Any]:
    """A day in twelve spans, for readers without scripts."""
    return list(await house.history.series(key, point, now_us - 86_400_000_000, now_us, 12))


@router.post("/devices/{key}/points/{point}", include_in_schema=False)
async def command(
    key: str, point: str, request: Request, house: HouseDep, actor: Operator, value: Text = "", back: Text = ""
) -> Response:
    """A control was used. With scripts the answer is the outcome's own line, without it is the page again."""
    device_for(house, actor, key, Role.OPERATOR)
    declared = house.register.points(key).get(point)
    if declared is None:
        raise UnknownPoint(f"{key} has no point {point!r}")
    partly = "hx-request" in request.headers
    try:
        receipt = await house.control.submit(key, point, read_value(declared, value), actor)
        receipt = await _outcome(house, receipt, AT_ONCE_S if partly else WITHOUT_SCRIPT_S)
    except SluisError as error:
        return _refused(request, key, point, error, back) if partly else then(_back(back, key), _why(request, error))
    if partly:
        return part(request, "parts/outcome.html", device=key, point=point, receipt=receipt, stages=STAGES, problem="")
    return then(_back(back, key), _told(request, receipt))


def read_value(point: Point, text: str) -> Value | None:
    """What a form says, as the point's kind takes it. OutOfRange when it cannot be read."""
    if point.kind is Kind.TRIGGER:
        return None
    if point.kind is Kind.SWITCH:
        return text in ("true", "on", "1")
    if point.kind is not Kind.NUMBER:
        return text
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise OutOfRange(f"{text!r} is not a number") from None
    return int(number) if number.is_integer() and "." not in text else number


async def _outcome(house: House, receipt: Receipt, within_s: float) -> Receipt:
    """The final receipt when it comes within the time, else the one we have."""
    if receipt.stage.final:
        return receipt
    try:
        async with asyncio.timeout(within_s):
            return await house.control.outcome(receipt.command.id)
    except TimeoutError:
        return receipt


def _refused(request: Request, key: str, point: str, error: SluisError, back: str) -> Response:
    said = _sentence(request, error)
    return part(request, "parts/outcome.html", device=key, point=point, receipt=None, stages=STAGES, problem=said)


def _sentence(request: Request, error: SluisError) -> str:
    speech = speech_of(request)
    known = PROBLEMS.get(error.code)
    return f"{speech(known[0])} ({error})" if known else str(error)


def _why(request: Request, error: SluisError) -> Toast:
    return Toast("refused", {"why": _sentence(request, error)})


def _told(request: Request, receipt: Receipt) -> Toast:
    if not receipt.stage.final:
        return Toast("sent")
    if receipt.stage.value in ("done", "effective"):
        return Toast("done")
    return Toast("refused", {"why": receipt.detail or speech_of(request)(STAGES[receipt.stage.value])})


def _back(back: str, key: str) -> str:
    """Where a form came from, if that is one of our pages."""
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else f"/devices/{quote(key)}"


@router.get("/devices/{key}/points/{point}/why", include_in_schema=False)
async def why(key: str, point: str, request: Request, house: HouseDep, actor: Viewer) -> Response:
    """Why a point is as it is, step by step."""
    found = device_for(house, actor, key)
    if point not in house.register.points(key):
        raise UnknownPoint(f"{key} has no point {point!r}")
    steps = [{"text": None, **step} for step in await house.explain.why(key, point)]
    view = device_view(house.register, found, actor, speech_of(request), house.clock.stamp().at_us)
    shown = next(one for one in view.points if one.key == point)
    more: dict[str, Any] = {"view": view, "point": shown, "steps": steps}
    if "hx-request" in request.headers:
        return part(request, "parts/why.html", **more)
    return await page(request, "why.html", section="areas", **more)


# -- what people change -----------------------------------------------------------------------------------


@router.post("/devices/{key}/edit", include_in_schema=False)
async def edit(
    key: str, house: HouseDep, actor: Technician, name: Text, area: Text = "", asset_number: Text = ""
) -> Response:
    """Rename, move, number."""
    before = device_for(house, actor, key, Role.TECHNICIAN)
    holds_in(actor, area.strip())
    await house.register.update(
        key, name=name.strip() or before.label, area=area.strip(), asset_number=asset_number.strip(), actor=actor
    )
    old = {"name": before.name, "area": before.area, "asset_number": before.asset_number}
    toast = Toast("renamed", {"name": name.strip() or before.label}, f"/undo/edit/{quote(key)}", old)
    return then(f"/devices/{quote(key)}", toast)


@router.post("/devices/{key}/retire", include_in_schema=False)
async def retire(key: str, house: HouseDep, actor: Technician) -> Response:
    """Out of use; the history stays."""
    before = device_for(house, actor, key, Role.TECHNICIAN)
    await house.register.retire(key, actor)
    old = {"name": before.label, "area": before.area, "asset_number": before.asset_number}
    return then("/", Toast("retired", {"name": before.label}, f"/undo/retire/{quote(key)}", old))


@router.post("/undo/edit/{key}", include_in_schema=False)
async def undo_edit(
    key: str, house: HouseDep, actor: Technician, name: Text = "", area: Text = "", asset_number: Text = ""
) -> Response:
    """Back to the names from before."""
    device_for(house, actor, key, Role.TECHNICIAN)
    holds_in(actor, area)
    await house.register.update(key, name=name, area=area, asset_number=asset_number, actor=actor)
    return then(f"/devices/{quote(key)}", Toast("undone"))


@router.post("/undo/retire/{key}", include_in_schema=False)
async def undo_retire(
    key: str, house: HouseDep, actor: Technician, name: Text, area: Text = "", asset_number: Text = ""
) -> Response:
    """Back into use."""
    device_for(house, actor, key, Role.TECHNICIAN)
    holds_in(actor, area)
    await house.register.adopt(key, name=name, area=area, asset_number=asset_number, actor=actor)
    return then(f"/devices/{quote(key)}", Toast("undone"))


def holds_in(actor: Actor, area: str) -> None:
    """NotPermitted when this person has no rights in `area`: nobody moves a device out of their own sight."""
    if actor.areas is not None and area not in actor.areas:
        raise NotPermitted(f"you have no rights in {area or 'no area'}")
