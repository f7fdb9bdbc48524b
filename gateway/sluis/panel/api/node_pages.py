"""Why updates of nodes went back: a page for each node, and all of them by their fault."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from sluis.model import SluisError
from sluis.model.nodes import CrashPage
from sluis.panel.api.guards import CanSeeNodes
from sluis.panel.api.nodes import NodeId, nodes_of
from sluis.panel.api.shapes import Out
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere
from sluis.panel.ports import House, NodePages

router = APIRouter(prefix="/api/v1", tags=["nodes"])


class CrashPageOut(Out):
    """Why a node's last update went back."""

    node: str
    seen_us: int = Field(description="When the gateway first had this page.")
    print: str = Field(description="The same for the same fault, on whichever node.")
    slot: str
    version: str = Field(description="Of what was given up.")
    sequence: int
    reset_cause: str
    lines: list[str] = Field(description="The last lines of its log, each with the memory that was free.")
    traceback: str


class NodePageOut(Out):
    page: CrashPageOut | None = Field(description="Null when no update went back.")
    heard: bool = Field(description="Whether the node said so just now; else it is what it had when it was last asked.")


class FaultGroupOut(Out):
    """One fault, and the nodes that have it."""

    print: str
    nodes: list[str]
    page: CrashPageOut = Field(description="Of one of them.")


@router.get("/nodes/{node}/page")
async def get_node_page(house: HouseDep, actor: CanSeeNodes, node: NodeId) -> NodePageOut:
    """Why its last update went back: reset cause, last lines, traceback. The node is asked where it answers."""
    everywhere(actor)
    held = await nodes_of(house).node(node)
    page, heard = await asked(pages_of(house), held.id)
    return NodePageOut(page=_out(page) if page is not None else None, heard=heard)


@router.get("/node-pages")
async def list_node_pages(house: HouseDep, actor: CanSeeNodes) -> list[FaultGroupOut]:
    """All pages that nodes keep, grouped by the fault they tell of, the most frequent first."""
    everywhere(actor)
    groups = pages_of(house).groups()
    return [FaultGroupOut(print=them[0].print, nodes=[one.node for one in them], page=_out(them[0])) for them in groups]


async def asked(pages: NodePages, node_id: str) -> tuple[CrashPage | None, bool]:
    """The node's page, and whether it answered just now."""
    try:
        return await pages.ask(node_id), True
    except SluisError:
        return pages.of(node_id), False


def pages_of(house: House) -> NodePages:
    if house.node_pages is None:
        raise BrokerElsewhere
    return house.node_pages


def _out(page: CrashPage) -> CrashPageOut:
    values = {name: getattr(page, name) for name in CrashPageOut.model_fields}
    return CrashPageOut(**values | {"lines": list(page.lines)})
