"""What is wired to a node: the parts there are, a configuration checked and given, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from sluis.model.wiring import FieldInfo, KindInfo, Stage, Trial
from sluis.panel.api.guards import CanManageNodes, CanSeeNodes
from sluis.panel.api.nodes import NodeId, NodeOut, node_out, nodes_of
from sluis.panel.api.shapes import In, Out
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere
from sluis.panel.ports import House, Wiring

router = APIRouter(prefix="/api/v1", tags=["nodes"])


class FieldOut(Out):
    """What may stand at one key."""

    key: str
    kind: str = Field(description="`flag`, `number`, `text`, `choice`, `pin` or `bus`.")
    needed: bool
    default: bool | int | float | str | None = Field(description="What counts when it is not told.")
    low: float | None
    high: float | None
    whole: bool
    options: list[str]
    longest: int
    out: bool = Field(description="A pin that is driven.")
    bus: str = Field(description="The kind of bus whose name this is.")


class PartPointOut(Out):
    """One point that a part has; its key is the part's, with `_` and the suffix where there is one."""

    suffix: str
    kind: str
    quantity: str
    unit: str
    writable: bool
    minimum: float | None
    maximum: float | None


class PartOut(Out):
    """A kind of sensor or actuator."""

    kind: str
    about: str
    source: str
    check: str = Field(description="What to look at when its test fails.")
    fields: list[FieldOut]
    points: list[PartPointOut]


class PinsOut(Out):
    """The pins of a board."""

    free: list[int]
    read_only: list[int]
    led: str
    avoid: dict[str, str] = Field(description="Pins that are better left alone, and why.")


class PartsOut(Out):
    """All that a `node.json` may hold, as the firmware says that comes with this gateway."""

    version: str = Field(description="Of that firmware. A node may run another, and checks for itself.")
    parts: list[PartOut]
    buses: dict[str, list[FieldOut]]
    node: list[FieldOut] = Field(description="What may stand beside `buses` and `parts`.")
    boards: dict[str, PinsOut]


class NodeConfig(In):
    config: dict[str, Any] = Field(description="The whole `node.json`.")


class NewConfig(NodeConfig):
    trial_s: int | None = Field(
        default=None,
        ge=5,
        le=3600,
        description="How long it looks for its broker before it goes back; 180 unless told.",
    )


class FaultOut(Out):
    where: str = Field(examples=["parts.pump.pin"])
    what: str = Field(examples=["is missing"])


class CheckOut(Out):
    """What the firmware finds wrong; nothing when it would take it."""

    faults: list[FaultOut]


class TrialOut(Out):
    """What became of the last configuration that a node was given since the gateway started."""

    stage: Stage | None = Field(description="`trying`, `kept`, `back` or `lost`; null when it was given none.")
    reason: str
    trial_s: int
    at_us: int | None
    ended_at_us: int | None
    by: str
    config: dict[str, Any]


@router.get("/node-parts")
async def list_parts(house: HouseDep, actor: CanSeeNodes) -> PartsOut:
    """Every kind of part, bus and board, from the firmware itself: what forms are made of."""
    told = await wiring_of(house).catalogue()
    return PartsOut(
        version=told.version,
        parts=[_part(one) for one in told.kinds.values()],
        buses={kind: _fields(own) for kind, own in told.buses.items()},
        node=_fields(told.node),
        boards={
            key: PinsOut(
                free=list(one.free),
                read_only=list(one.read_only),
                led=one.led,
                avoid={str(pin): why for pin, why in one.avoid.items()},
            )
            for key, one in told.boards.items()
        },
    )


@router.get("/nodes/{node}/config")
async def get_node_config(
    house: HouseDep,
    actor: CanSeeNodes,
    node: NodeId,
    previous: Annotated[bool, Query(description="The one it had before; empty when there was none.")] = False,
) -> NodeConfig:
    """What is wired to it (`node.json`), as it is on the node now."""
    everywhere(actor)
    return NodeConfig(config=dict(await nodes_of(house).config(node, previous=previous)))


@router.put("/nodes/{node}/config")
async def set_node_config(house: HouseDep, actor: CanManageNodes, node: NodeId, wish: NewConfig) -> NodeOut:
    """Give it another `node.json`. It is checked here and on the node, which goes back when it does not come back with
    it; `config/trial` says what became of it."""
    everywhere(actor)
    nodes = nodes_of(house)
    held, _ = await wiring_of(house).give(node, wish.config, actor, trial_s=wish.trial_s)
    return node_out(nodes, held)


@router.post("/nodes/{node}/config/check")
async def check_node_config(house: HouseDep, actor: CanSeeNodes, node: NodeId, wish: NodeConfig) -> CheckOut:
    """Check a `node.json` for this node by the firmware's own rules. Nothing is sent."""
    everywhere(actor)
    faults = await wiring_of(house).check(node, wish.config)
    return CheckOut(faults=[FaultOut(where=one.where, what=one.what) for one in faults])


@router.get("/nodes/{node}/config/trial")
async def get_config_trial(house: HouseDep, actor: CanSeeNodes, node: NodeId) -> TrialOut:
    """What became of the last configuration that it was given: on trial, kept, gone back, or not heard of."""
    everywhere(actor)
    held = await nodes_of(house).node(node)
    return _trial(wiring_of(house).trial(held.id))


def wiring_of(house: House) -> Wiring:
    if house.wiring is None:
        raise BrokerElsewhere
    return house.wiring


def _part(one: KindInfo) -> PartOut:
    points = [
        PartPointOut(**{name: getattr(point, name) for name in PartPointOut.model_fields}) for point in one.points
    ]
    return PartOut(
        kind=one.key, about=one.about, source=one.source, check=one.check, fields=_fields(one.fields), points=points
    )


def _fields(told: Mapping[str, FieldInfo]) -> list[FieldOut]:
    return [_field(one) for one in told.values()]


def _field(one: FieldInfo) -> FieldOut:
    values: dict[str, Any] = {name: getattr(one, name) for name in FieldOut.model_fields}
    options: Sequence[str] = one.options
    return FieldOut(**values | {"options": list(options)})


def _trial(trial: Trial | None) -> TrialOut:
    if trial is None:
        return TrialOut(stage=None, reason="", trial_s=0, at_us=None, ended_at_us=None, by="", config={})
    values: dict[str, Any] = {name: getattr(trial, name) for name in TrialOut.model_fields}
    return TrialOut(**values | {"config": dict(trial.config)})
