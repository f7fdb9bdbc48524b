"""A release for the node that is looked at, and the way back."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import Response

from sluis.model import Actor, NotFound, SluisError
from sluis.model.nodes import Node
from sluis.panel.api.node_updates import updates_of
from sluis.panel.auth import HouseDep, device_for, everywhere
from sluis.panel.pages.guards import NodeKeeper
from sluis.panel.pages.node_record import node_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House
from sluis.panel.supply import BundleReport

router = APIRouter()

Name = Annotated[str, Form(min_length=1, max_length=200)]


async def releases_for(house: House, node: Node) -> list[BundleReport]:
    """The imported releases that it could take by their board and number, newest first."""
    if house.node_updates is None:
        return []
    said = house.node_updates.of(node.id)
    floor = said.floor if said is not None else 0
    family = "esp" if node.board.startswith("esp") else "rp2"
    return [
        one
        for one in await house.supply.bundles()
        if one.state == "ready" and one.board in ("any", family, node.board) and one.sequence > floor
    ]


@router.post("/devices/{key}/update", include_in_schema=False)
async def update(key: str, house: HouseDep, actor: NodeKeeper, bundle: Name) -> Response:
    """Offer it. What the node says against it is shown on its page."""
    node = await _node(house, actor, key)
    try:
        await updates_of(house).offer(node.id, bundle, actor)
    except SluisError as error:
        return then(_page(key), Toast("refused", {"why": str(error)}))
    return then(_page(key), Toast("node-offered", {"name": bundle}))


@router.post("/devices/{key}/update/undo", include_in_schema=False)
async def undo(key: str, house: HouseDep, actor: NodeKeeper) -> Response:
    """Back to the version before."""
    node = await _node(house, actor, key)
    try:
        await updates_of(house).undo(node.id, actor)
    except SluisError as error:
        return then(_page(key), Toast("refused", {"why": str(error)}))
    return then(_page(key), Toast("node-undone", {"name": node.id}))


async def _node(house: House, actor: Actor, key: str) -> Node:
    found = await node_of(house, device_for(house, everywhere(actor), key))
    if found is None:
        raise NotFound(f"{key} is no node of ours")
    return found


def _page(key: str) -> str:
    return f"/devices/{quote(key, safe='')}"
