"""Releases for one node: offered, followed, undone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from sluis.panel.api.guards import CanManageNodes, CanSeeNodes
from sluis.panel.api.nodes import NodeId, nodes_of
from sluis.panel.api.shapes import In, Out, Sentence
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere
from sluis.panel.ports import House, NodeUpdates

router = APIRouter(prefix="/api/v1/nodes", tags=["nodes"])


class NodeUpdateOut(Out):
    """What a node says of its software."""

    slot: str
    version: str
    sequence: int = Field(description="Of the release that runs; 0 for one that was put on by cable.")
    floor: int = Field(description="The highest it ever confirmed: nothing at or below it is taken.")
    trial: bool
    phase: str = Field(description="Empty when nothing is under way.")
    to: int
    percent: int
    reason: str
    back: int = Field(description="The sequence that it went back from; 0 for none.")


class NewUpdate(In):
    bundle: Annotated[str, Field(min_length=1, max_length=200, description="Name of an imported release.")]
    now: bool = Field(default=False, description="Also in its quiet hours, and while it drives something.")
    reason: Sentence = ""


class Undo(In):
    reason: Sentence = ""


@router.get("/{node}/update")
async def get_node_update(house: HouseDep, actor: CanSeeNodes, node: NodeId) -> NodeUpdateOut | None:
    """What it runs, and how far an update is. Null when it has said nothing since the gateway started."""
    everywhere(actor)
    return _out(house, (await nodes_of(house).node(node)).id)


@router.post("/{node}/update", status_code=202)
async def update_node(house: HouseDep, actor: CanManageNodes, node: NodeId, wish: NewUpdate) -> NodeUpdateOut | None:
    """Offer it a release. It checks the signatures itself, fetches what it lacks, tries it, keeps it or goes back."""
    everywhere(actor)
    held = await nodes_of(house).node(node)
    await updates_of(house).offer(held.id, wish.bundle, actor, hurry=wish.now, reason=wish.reason)
    return _out(house, held.id)


@router.post("/{node}/update/undo", status_code=202)
async def undo_node_update(house: HouseDep, actor: CanManageNodes, node: NodeId, why: Undo) -> NodeUpdateOut | None:
    """Back to the version before, which lies on the node."""
    everywhere(actor)
    held = await nodes_of(house).node(node)
    await updates_of(house).undo(held.id, actor, reason=why.reason)
    return _out(house, held.id)


def updates_of(house: House) -> NodeUpdates:
    if house.node_updates is None:
        raise BrokerElsewhere
    return house.node_updates


def _out(house: House, node_id: str) -> NodeUpdateOut | None:
    said = updates_of(house).of(node_id)
    return NodeUpdateOut.model_validate(said) if said is not None else None
