"""What made a driver fail, and a version of it that was put aside: seen, taken along, tried again."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sluis.model import NotFound
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.pages.guards import SystemReader, Technician
from sluis.panel.pages.render import page
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House
from sluis.panel.reports import DriverReport

router = APIRouter()


@router.get("/drivers/{key}", include_in_schema=False)
async def driver(key: str, request: Request, house: HouseDep, actor: SystemReader) -> Response:
    """Its failures, newest first."""
    report = _known(house, key)
    faults = sorted(house.system.driver_faults(key), key=lambda one: -one.at_us)
    return await page(request, "driver.html", section="system", driver=report, name=key, faults=faults)


@router.get("/drivers/{key}/faults.jsonl", include_in_schema=False)
async def frames(key: str, house: HouseDep, actor: SystemReader) -> Response:
    """The inputs it failed on, as a file of frames that its author can replay."""
    _known(house, key)
    lines = "".join(f"{one.line}\n" for one in house.system.driver_faults(key))
    said = {"Content-Disposition": f'attachment; filename="{quote(key, safe="")}-faults.jsonl"'}
    return Response(lines, media_type="application/jsonl", headers=said)


@router.post("/drivers/{key}/release", include_in_schema=False)
async def release(key: str, house: HouseDep, actor: Technician) -> Response:
    """Try the version that was put aside again."""
    everywhere(actor)
    await house.system.release_driver(key, actor)
    return then(f"/drivers/{quote(key, safe='')}", Toast("driver-released", {"name": key}))


def _known(house: House, key: str) -> DriverReport:
    """By its key; a file that does not load has only its name."""
    found = next((one for one in house.system.drivers() if key in (one.key, one.source)), None)
    if found is None:
        raise NotFound(f"there is no driver {key!r}")
    return found
