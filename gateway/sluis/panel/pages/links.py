"""One link: how it is, who is on it, what was done to bring it back, and a switch to record what passes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sluis.model import DeviceState, NotFound
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.pages.guards import SystemReader, Technician
from sluis.panel.pages.render import page, part
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House

router = APIRouter()

STEPS = 50


@router.get("/system/links/{name}", include_in_schema=False)
async def link(name: str, request: Request, house: HouseDep, actor: SystemReader) -> Response:
    """Its state, its ladder, its devices."""
    return await page(request, "link.html", section="system", **await _link(house, name))


@router.get("/parts/links/{name}", include_in_schema=False)
async def link_part(name: str, request: Request, house: HouseDep, actor: SystemReader) -> Response:
    """The same again, while somebody looks."""
    return part(request, "parts/link.html", **await _link(house, name))


async def _link(house: House, name: str) -> dict[str, Any]:
    found = next((one for one in house.system.links() if one.name == name), None)
    if found is None:
        raise NotFound(f"there is no link {name!r}")
    devices = [one for one in house.register.devices(DeviceState.ADOPTED) if one.link == name]
    return {
        "link": found,
        "devices": [(one, house.register.twin(one.key)) for one in devices],
        "rungs": await house.recovery.tallies(name),
        "steps": [step for _, step in await house.recovery.steps(name, STEPS)],
    }


@router.post("/system/links/{name}/record", include_in_schema=False)
async def record(name: str, house: HouseDep, actor: Technician) -> Response:
    """Start or stop recording, whichever it is not doing."""
    everywhere(actor)
    found = next((one for one in house.system.links() if one.name == name), None)
    if found is None:
        raise NotFound(f"there is no link {name!r}")
    file = await house.system.record(name, not found.recording, actor)
    return then(f"/system/links/{quote(name)}", Toast("recorded" if found.recording else "recording", {"file": file}))
