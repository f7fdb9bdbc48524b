"""What a label's code leads to, and the instruction card of a device: read, written, printed."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import Actor, Device, DeviceState, NotFound, ProvisionError, Role
from sluis.panel.auth import HouseDep, device_for, sees
from sluis.panel.pages import site
from sluis.panel.pages.devices import Text, holds_in
from sluis.panel.pages.guards import Anyone, Technician, Viewer
from sluis.panel.pages.render import page, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House

router = APIRouter()

Language = Literal["nl", "en"]
Written = Annotated[str, Form(max_length=20_000)]


@router.get("/d/{key}", include_in_schema=False)
async def scanned(key: str, request: Request, house: HouseDep, visitor: Anyone) -> Response:
    """A label was scanned: the device for who may see it, its card for everybody where the area is open."""
    found = _in_use(house, key)
    if visitor is not None and found is not None and sees(visitor.actor, found):
        return then(f"/devices/{quote(key, safe='')}")
    if found is not None and found.area in await house.papers.open_areas():
        return await _card(request, house, found)
    if visitor is not None:
        raise NotFound(f"there is no device {key!r}, or you may not see it")
    # The same for a device that there is and one that there is not: a stranger learns nothing.
    there = f"/devices/{quote(key, safe='')}"
    return then(f"/sign-in?next={quote(there, safe='')}")


def _in_use(house: House, key: str) -> Device | None:
    return next((one for one in house.register.devices(DeviceState.ADOPTED) if one.key == key), None)


@router.get("/devices/{key}/card", include_in_schema=False)
async def card(
    key: str, request: Request, house: HouseDep, actor: Viewer, language: Language | None = None, edit: str = ""
) -> Response:
    """The card of a device, as its users read it."""
    found = device_for(house, actor, key)
    return await _card(request, house, found, actor, language=language, edit=bool(edit))


async def _card(
    request: Request,
    house: House,
    device: Device,
    actor: Actor | None = None,
    *,
    language: Language | None = None,
    edit: bool = False,
    text: str = "",
    error: ProvisionError | None = None,
) -> Response:
    """`actor` is None for a stranger who scanned the label in an open area; `text` is what could not be saved."""
    spoken = language or ("nl" if speech_of(request).language == "nl" else "en")
    shown = await house.papers.card(device, spoken)
    more: dict[str, Any] = {
        "device": device,
        "card": shown,
        "html": house.papers.card_html(shown),
        "draft": text or shown.text,
        "error": error,
        "edit": edit and actor is not None and actor.may(Role.TECHNICIAN, device.area),
        "deep": actor is not None and actor.may(Role.TECHNICIAN, device.area),
        "stranger": actor is None,
        "tapes": house.papers.tapes(),
        "area_href": site.area_href,
    }
    return await page(request, "card.html", section="areas", status=409 if error else 200, **more)


@router.post("/devices/{key}/card", include_in_schema=False)
async def write(
    key: str, request: Request, house: HouseDep, actor: Technician, language: Language, text: Written = ""
) -> Response:
    """A person's own text for the card."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    try:
        await house.papers.write_card(found, language, text, actor)
    except ProvisionError as error:
        return await _card(request, house, found, actor, language=language, edit=True, text=text, error=error)
    return then(f"/devices/{quote(key, safe='')}/card?language={language}", Toast("saved", {"name": found.label}))


@router.post("/devices/{key}/card/reset", include_in_schema=False)
async def reset(key: str, house: HouseDep, actor: Technician, language: Language) -> Response:
    """Back to the card that is made from what the device offers."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    await house.papers.reset_card(found, language, actor)
    return then(f"/devices/{quote(key, safe='')}/card?language={language}", Toast("renamed", {"name": found.label}))


@router.post("/open-area", include_in_schema=False)
async def open_area(house: HouseDep, actor: Technician, area: Text, open: Text = "") -> Response:
    """Let an area's cards be read without an account, or no longer."""
    holds_in(actor, area)
    await house.papers.set_open(area, open == "1", actor)
    back = {"area": area, "open": "" if open == "1" else "1"}
    what = "area-opened" if open == "1" else "area-closed"
    return then(f"{site.area_href(area)}#papers", Toast(what, {"name": area}, "/undo/open-area", back))


@router.post("/undo/open-area", include_in_schema=False)
async def undo_open_area(house: HouseDep, actor: Technician, area: Text, open: Text = "") -> Response:
    """As it was."""
    holds_in(actor, area)
    await house.papers.set_open(area, open == "1", actor)
    return then(f"{site.area_href(area)}#papers", Toast("undone"))
