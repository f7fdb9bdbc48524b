"""The asset register: what there is, where, since when and by whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from sluis.model import Actor, Device, DeviceState
from sluis.panel.api.guards import CanSee
from sluis.panel.api.shapes import Out
from sluis.panel.auth import HouseDep, sees
from sluis.panel.ports import House

router = APIRouter(prefix="/api/v1/asset-register", tags=["papers"])

CSV = "text/csv; charset=utf-8"
KEPT = (DeviceState.ADOPTED, DeviceState.RETIRED)
"""What is or was in use. What was only seen is nobody's asset."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out (OWASP, CSV injection). Names come from devices, too."""


class AssetOut(Out):
    """One entry."""

    key: str
    asset_number: str
    name: str
    area: str
    vendor: str
    model: str
    serial: str
    native_id: str = Field(description="The identity in the device's own protocol.")
    firmware: str
    firmware_since_us: int = Field(description="0 when that is not known.")
    driver: str
    state: str = Field(description="`adopted`, or `retired`.")
    in_use_since_us: int
    in_use_by: str = Field(
        description="Who took it into use; empty when a setting did and for what is older than the log."
    )


@router.get("")
async def get_asset_register(house: HouseDep, actor: CanSee) -> list[AssetOut]:
    """All devices you may see that are or were in use, by area and name."""
    return await _entries(house, actor)


@router.get(
    ".csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_asset_register(house: HouseDep, actor: CanSee) -> Response:
    """The same for a spreadsheet (RFC 4180, UTF-8 with its mark). Times are in ISO 8601, UTC."""
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(AssetOut.model_fields)
    for entry in await _entries(house, actor):
        sheet.writerow([_cell(name, value) for name, value in entry.model_dump().items()])
    said = {"Content-Disposition": 'attachment; filename="asset-register.csv"'}
    return Response("\ufeff" + out.getvalue(), media_type=CSV, headers=said)


async def _entries(house: House, actor: Actor) -> list[AssetOut]:
    by = await house.audit.latest("device.adopted")
    found = [one for one in house.register.devices(*KEPT) if sees(actor, one)]
    found.sort(key=lambda one: one.area)  # and by name within it, as they came
    return [_out(one, by[one.key].actor if one.key in by else "") for one in found]


def _out(device: Device, by: str) -> AssetOut:
    return AssetOut(
        key=device.key,
        asset_number=device.asset_number,
        name=device.label,
        area=device.area,
        vendor=device.vendor,
        model=device.model,
        serial=device.serial,
        native_id=device.native_id,
        firmware=device.firmware,
        firmware_since_us=device.firmware_since_us,
        driver=device.driver,
        state=device.state.value,
        in_use_since_us=device.adopted_at_us,
        in_use_by=by,
    )


def _cell(name: str, value: Any) -> str:
    if name.endswith("_us"):
        return datetime.fromtimestamp(value // 1_000_000, UTC).isoformat() if value else ""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
