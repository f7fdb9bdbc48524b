"""Home, the list of areas, one area, and searching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sluis.model import Actor, DeviceState, NotFound, Role
from sluis.panel.auth import HouseDep, VisitorDep, sees
from sluis.panel.i18n import Tongue
from sluis.panel.pages import site
from sluis.panel.pages.energy import EnergyCard
from sluis.panel.pages.guards import Viewer
from sluis.panel.pages.render import open_alerts, page, part, speech_of
from sluis.panel.pages.views import DeviceView, tiles
from sluis.panel.pages.words import FUNCTIONS
from sluis.panel.ports import House
from sluis.panel.visitor import Visitor

router = APIRouter()

FOUND_MAX = 50
"""Search results shown: more than this and typing one more letter is quicker than reading."""


@router.get("/", include_in_schema=False)
async def home(request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer) -> Response:
    """Is my building all right, and if not, what do I do?"""
    seen = await _overview(request, house, visitor)
    card: EnergyCard = request.app.state.energy
    return await page(request, "home.html", section="home", energy=await card.day(house, seen["views"]), **seen)


@router.get("/parts/home", include_in_schema=False)
async def home_part(request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer) -> Response:
    """What changes on the home page when an alert opens or a device goes."""
    card: EnergyCard = request.app.state.energy
    seen = await _overview(request, house, visitor)
    return part(request, "parts/home.html", energy=await card.day(house, seen["views"]), **seen)


async def _overview(request: Request, house: House, visitor: Visitor) -> dict[str, Any]:
    speech = speech_of(request)
    views = site.devices_seen(house, visitor.actor, speech)
    causes = site.causes_of(house, await open_alerts(house, visitor), speech)
    areas = site.areas_of(views, causes, request.app.state.settings.area_order, speech)
    last = [] if causes else await house.alerts.history(1)
    return {
        "views": views,
        "truth": site.truth_of(views, causes, speech),
        "causes": causes[: site.SHOWN_CAUSES],
        "more_causes": max(0, len(causes) - site.SHOWN_CAUSES),
        "areas": areas,
        "chips": _chips(views, speech),
        "last_alert_us": last[0].opened_at_us if last else 0,
    }


def _chips(views: Sequence[DeviceView], speech: Tongue) -> list[tuple[str, str, str]]:
    """(icon, number, words) of what goes on now."""
    good = [point for view in views if view.online for point in view.points if point.reported and not point.mark]
    watts = [float(p.value) for p in good if p.quantity == "power" and _is_number(p.value)]
    lights = sum(p.quantity == "light" and p.value is True for p in good)
    rooms = {v.device.area for v in views for p in v.of("occupancy", "presence") if p.value is True and not p.mark}
    open_ones = sum(p.quantity in ("window", "door", "opening") and p.value is True for p in good)
    warm = [float(p.value) for p in good if p.quantity == "temperature" and not p.category and _is_number(p.value)]
    chips = [
        ("occupied", str(len(rooms)), speech.plural("area in use", "areas in use", len(rooms))) if rooms else None,
        ("power", speech.number(sum(watts)), speech("W now")) if watts else None,
        ("light", str(lights), speech.plural("light on", "lights on", lights)) if lights else None,
        ("window", str(open_ones), speech.plural("window or door open", "windows or doors open", open_ones))
        if open_ones
        else None,
        ("climate", f"{speech.number(min(warm), 1)}–{speech.number(max(warm), 1)}", "°C") if len(warm) > 1 else None,
    ]
    return [chip for chip in chips if chip]


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


@router.get("/areas", include_in_schema=False)
async def areas(request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer) -> Response:
    """All areas."""
    return await page(request, "areas.html", section="areas", **await _overview(request, house, visitor))


@router.get("/areas/{name}", include_in_schema=False)
async def area(name: str, request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer) -> Response:
    """One area: tiles by function."""
    return await page(request, "area.html", section="areas", **await _area(name, request, house, visitor))


@router.get("/parts/areas/{name}", include_in_schema=False)
async def area_part(name: str, request: Request, house: HouseDep, visitor: VisitorDep, actor: Viewer) -> Response:
    """An area's tiles and alerts, after devices came or went."""
    return part(request, "parts/area.html", **await _area(name, request, house, visitor))


async def _area(name: str, request: Request, house: House, visitor: Visitor) -> dict[str, Any]:
    wanted = site.NOWHERE if name == "-" else name
    speech = speech_of(request)
    views = site.devices_seen(house, visitor.actor, speech, wanted)
    if not views:
        raise NotFound(f"there is no area {name!r} with devices in use")
    keys = {view.key for view in views}
    causes = [
        cause
        for cause in site.causes_of(house, await open_alerts(house, visitor), speech)
        if any(alert.device in keys for alert in cause.alerts)
    ]
    shown = site.areas_of(views, causes, (), speech)[0]
    return {
        "area": shown,
        "groups": tiles(views),
        "functions": FUNCTIONS,
        "causes": causes,
        "deep": visitor.actor.may(Role.TECHNICIAN, wanted),
        "cards_open": wanted in await house.papers.open_areas(),
        "sheets": house.papers.sheets(),
    }


@router.get("/find", include_in_schema=False)
async def find(request: Request, house: HouseDep, actor: Viewer, q: str = "") -> Response:
    """Search by name, area, asset number, serial number or key. One exact match of a label opens its page."""
    found = _search(house, actor, q[:120])
    more: dict[str, Any] = {"q": q[:120], "found": found[:FOUND_MAX], "total": len(found)}
    if request.headers.get("hx-request"):
        return part(request, "parts/found.html", **more)
    return await page(request, "find.html", section="find", **more)


def _search(house: House, actor: Actor, q: str) -> list[Any]:
    words = q.casefold().split()
    if not words:
        return []
    return [
        device
        for device in house.register.devices(DeviceState.ADOPTED, DeviceState.RETIRED)
        if sees(actor, device)
        and all(
            word
            in f"{device.label} {device.area} {device.asset_number} {device.serial} {device.key} "
            f"{device.native_id} {device.model}".casefold()
            for word in words
        )
    ]
