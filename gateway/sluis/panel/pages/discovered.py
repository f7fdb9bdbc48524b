"""Devices that made themselves known: adopt, ignore, one or many at a time."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import Device, DeviceState, Role
from sluis.panel.auth import HouseDep, device_for, sees
from sluis.panel.i18n import N_
from sluis.panel.pages.devices import Text, holds_in
from sluis.panel.pages.guards import Technician
from sluis.panel.pages.paths import proposals
from sluis.panel.pages.render import page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import label_of
from sluis.panel.ports import House

router = APIRouter()

SHOWN = 100
"""Devices shown at once: a person adopts them one by one, and searches in more."""

GROUNDS = (
    N_("It offers the Environmental Sensing service; which values, it says when it is connected."),
    N_("It offers the Nordic UART service, as very different devices do."),
)
"""What built-in drivers say of devices that they are not certain of (`Announcement.evidence`)."""

Keys = Annotated[list[str], Form(max_length=500)]
EMPTY: list[str] = []
"""FastAPI copies a default before it hands it in."""


@router.get("/discovered", include_in_schema=False)
async def discovered(request: Request, house: HouseDep, actor: Technician, q: str = "", show: str = "") -> Response:
    """What waits for a decision; `show=ignored` for what was ignored."""
    state = DeviceState.IGNORED if show == "ignored" else DeviceState.DISCOVERED
    words = q[:120].casefold().split()
    speech = speech_of(request)
    found = [
        one for one in house.register.devices(state) if sees(actor, one) and all(word in _text(one) for word in words)
    ]
    offers = {
        one.key: ", ".join(dict.fromkeys(label_of(point, speech) for point in house.register.points(one.key).values()))
        for one in found[:SHOWN]
    }
    more: dict[str, Any] = {
        "found": found[:SHOWN],
        "total": len(found),
        "q": q[:120],
        "show": show,
        "offers": offers,
        "faults": {one.key: house.register.fault(one.key) for one in found[:SHOWN]},
        "proposals": proposals(house, actor, found[:SHOWN]),
        "areas": house.register.areas(),
        "ignored": len(house.register.devices(DeviceState.IGNORED)),
    }
    if "hx-request" in request.headers:
        return part(request, "parts/discovered.html", **more)
    return await page(request, "discovered.html", section="discovered", **more)


def _text(device: Device) -> str:
    return f"{device.label} {device.vendor} {device.model} {device.native_id} {device.driver} {device.area}".casefold()


@router.post("/discovered/{key}/adopt", include_in_schema=False)
async def adopt(
    key: str, house: HouseDep, actor: Technician, name: Text = "", area: Text = "", asset_number: Text = ""
) -> Response:
    """A person's decision to use a device."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    holds_in(actor, area.strip())
    label = name.strip() or found.label
    await house.register.adopt(key, name=label, area=area.strip(), asset_number=asset_number.strip(), actor=actor)
    return then("/discovered", Toast("adopted", {"name": label}, f"/undo/adopt/{quote(key)}"))


@router.post("/discovered/{key}/ignore", include_in_schema=False)
async def ignore(key: str, house: HouseDep, actor: Technician) -> Response:
    """Not ours."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    await house.register.ignore(key, actor)
    return then("/discovered", Toast("ignored", {"name": found.label}, f"/undo/adopt/{quote(key)}"))


@router.post("/discovered", include_in_schema=False)
async def many(
    house: HouseDep,
    actor: Technician,
    act: Text,
    keys: Keys = EMPTY,
    area: Text = "",
) -> Response:
    """Adopt or ignore all that were ticked; adopted ones keep their own names."""
    if keys is None:
        keys = []
    holds_in(actor, area.strip())
    for key in keys:
        found = device_for(house, actor, key, Role.TECHNICIAN)
        if act == "ignore":
            await house.register.ignore(key, actor)
        else:
            await house.register.adopt(key, name=found.label, area=area.strip() or found.area, actor=actor)
    if not keys:
        return then("/discovered")
    if len(keys) == 1 or act == "ignore":
        name = _label(house, keys[0]) if len(keys) == 1 else str(len(keys))
        return then("/discovered", Toast("ignored" if act == "ignore" else "adopted", {"name": name}))
    return then("/discovered", Toast("adopted-many", {"count": str(len(keys))}))


@router.post("/undo/adopt/{key}", include_in_schema=False)
async def undo_adopt(key: str, house: HouseDep, actor: Technician) -> Response:
    """Back to the discovered ones."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    await house.register.rediscover(key, actor)
    return then("/discovered", Toast("rediscovered", {"name": found.label}))


def _label(house: House, key: str) -> str:
    return house.register.device(key).label
