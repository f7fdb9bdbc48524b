"""The label of a board that is not in use yet: what scanning it leads to, and taking the node into use by its code."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import DeviceState, Role, SluisError
from sluis.panel.api.nodes import NodeId, nodes_of
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.pages.devices import Text
from sluis.panel.pages.guards import Anyone, NodeKeeper
from sluis.panel.pages.render import page
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House
from sluis.panel.problems import status_of

router = APIRouter()

FORM = "/nodes/adopt"
Code = Annotated[str, Form(max_length=120)]


@router.get("/n/{node}", include_in_schema=False)
async def scanned(node: NodeId, house: HouseDep, visitor: Anyone) -> Response:
    """The board's device where it is in use; else the form, to which the browser takes the code along."""
    device = house.nodes.device(node) if house.nodes is not None else None
    if device is not None and device.state is DeviceState.ADOPTED:
        return then(f"/d/{quote(device.key, safe='')}")
    if visitor is None:
        return then(f"/sign-in?next={FORM}")
    return then(FORM if visitor.actor.may(Role.TECHNICIAN) else "/")


@router.get(FORM, include_in_schema=False)
async def choose(request: Request, house: HouseDep, actor: NodeKeeper) -> Response:
    """The form. A scanned code comes in the address after the #, which no browser sends."""
    everywhere(actor)
    return await _page(request, house, dict.fromkeys(("setup_code", "name", "area", "asset_number", "reason"), ""))


@router.post(FORM, include_in_schema=False)
async def adopt(
    request: Request,
    house: HouseDep,
    actor: NodeKeeper,
    setup_code: Code,
    name: Text = "",
    area: Text = "",
    asset_number: Text = "",
    reason: Text = "",
) -> Response:
    """Take it into use. What does not fit is said above the form, which keeps what was typed."""
    everywhere(actor)
    typed = {"setup_code": setup_code, "name": name, "area": area, "asset_number": asset_number, "reason": reason}
    try:
        adopted = await nodes_of(house).adopt(
            setup_code, actor, name=name, area=area, asset_number=asset_number, reason=reason
        )
    except SluisError as error:
        return await _page(request, house, typed, error)
    return then(f"/devices/{quote(adopted.key, safe='')}", Toast("adopted", {"name": adopted.label}))


async def _page(request: Request, house: House, typed: dict[str, str], error: SluisError | None = None) -> Response:
    more: dict[str, Any] = {"typed": typed, "error": error, "areas": house.register.areas()}
    return await page(
        request, "adopt-node.html", section="discovered", status=status_of(error) if error else 200, **more
    )
