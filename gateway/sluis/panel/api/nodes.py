"""Nodes: microcontrollers with our firmware. Their keys, their proof, and how one takes another's place."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field, StringConstraints

from sluis.model.nodes import Node
from sluis.panel.api.device_shapes import DeviceOut, device_out
from sluis.panel.api.guards import CanManageNodes, CanSeeNodes
from sluis.panel.api.shapes import KEY_PATTERN, In, Label, Name, Out, Sentence
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere
from sluis.panel.ports import House, IssuedNode, Nodes

router = APIRouter(prefix="/api/v1", tags=["nodes"])

ID = r"^[0-9a-f]{12}([0-9a-f]{4})?$"
NodeId = Annotated[str, Path(min_length=1, max_length=40, pattern=KEY_PATTERN, examples=["e661410403020100"])]
Ssid = Annotated[str, StringConstraints(min_length=1, max_length=32)]


class NodeOut(Out):
    """A node. Nothing in it is secret."""

    id: str
    board: str
    generation: int
    fingerprint: str = Field(description="Tells its present key from others; the node makes the same of what it holds.")
    state: str = Field(description="`enrolled`, `proven`, `revoked` or `replaced`.")
    profile: str
    serial: str
    by: str
    enrolled_at_us: int
    keyed_at_us: int
    proven_at_us: int | None
    code_used_at_us: int | None
    fault: str = Field(description="What is wrong with it and what to do next; empty for nothing.")
    tests: list[dict[str, Any]]
    tested_at_us: int | None
    rssi_dbm: int | None
    firmware: str
    successor: str
    device: str = Field(description="Key of the device it announced itself as; empty when it never did.")


class NewNode(In):
    """A board that is to become a node."""

    id: str = Field(pattern=ID, description="The chip's own number, lower-case hex.", examples=["e661410403020100"])
    board: Label = Field(default="", examples=["rpi-pico2-w"])
    profile: Label = ""
    serial: Label = ""
    again: bool = Field(default=False, description="It is the same board, flashed anew: its old key ends.")


class IssuedOut(Out):
    """What the node must be told. The only answer with its password."""

    node: NodeOut
    username: str
    password: str = Field(description="Shown this once; the gateway does not keep it.")
    net: dict[str, Any] = Field(description="The node's whole `/net.json`, with that password and the networks.")
    ca_der: str = Field(description="The node's `/ca.der`, base64; empty where the broker has no TLS.")
    setup_code: str = Field(description="For its label. It takes the node into use, once.")


class Why(In):
    reason: Sentence = ""


class Successor(In):
    by: str = Field(pattern=ID, description="Id of the node that takes its place.")
    reason: Sentence = ""
    force: bool = Field(default=False, description="Also when the old one is still heard, or the new one not proven.")


class CodeAdoption(In):
    """A scanned label."""

    setup_code: str = Field(max_length=120)
    name: Name
    area: Label = ""
    asset_number: Label = ""
    reason: Sentence = Field(default="", description="Why it is taken into use without a passed test.")


class NewNetwork(In):
    ssid: Ssid
    password: str = Field(default="", max_length=64)


class WipedOut(Out):
    node: NodeOut
    erased: bool = Field(description="Whether the node itself erased what it knew; one out of reach did not.")


class SwappedOut(Out):
    node: NodeOut
    device: DeviceOut


@router.get("/nodes")
async def list_nodes(house: HouseDep, actor: CanSeeNodes) -> list[NodeOut]:
    """Every node that was ever enrolled, by id, with what is wrong with it."""
    everywhere(actor)
    nodes = nodes_of(house)
    return [node_out(nodes, one) for one in await nodes.nodes()]


@router.post("/nodes", status_code=201)
async def enrol_node(house: HouseDep, actor: CanManageNodes, wish: NewNode) -> IssuedOut:
    """Give a board its identity and its key. Asked again before it has proven itself, the answer is the same."""
    everywhere(actor)
    nodes = nodes_of(house)
    made = await nodes.enrol(
        wish.id, actor, board=wish.board, profile=wish.profile, serial=wish.serial, again=wish.again
    )
    return _issued(nodes, made)


@router.post("/nodes/adopt")
async def adopt_node(house: HouseDep, actor: CanManageNodes, wish: CodeAdoption) -> DeviceOut:
    """Take the node of a scanned label into use. A set-up code works once."""
    everywhere(actor)
    adopted = await nodes_of(house).adopt(
        wish.setup_code,
        actor,
        name=wish.name,
        area=wish.area,
        asset_number=wish.asset_number,
        reason=wish.reason,
    )
    return device_out(house.register, adopted)


@router.get("/nodes/{node}")
async def get_node(house: HouseDep, actor: CanSeeNodes, node: NodeId) -> NodeOut:
    """One node, with the results of its last test."""
    everywhere(actor)
    nodes = nodes_of(house)
    return node_out(nodes, await nodes.node(node))


@router.delete("/nodes/{node}")
async def wipe_node(house: HouseDep, actor: CanManageNodes, node: NodeId) -> WipedOut:
    """De-provision: the node erases what it knows, its key ends, its device is out of use. The history stays."""
    everywhere(actor)
    nodes = nodes_of(house)
    held, erased = await nodes.wipe(node, actor)
    return WipedOut(node=node_out(nodes, held), erased=erased)


@router.post("/nodes/{node}/rotate")
async def rotate_node(house: HouseDep, actor: CanManageNodes, node: NodeId, wish: Why) -> IssuedOut:
    """A new key. The old one ends at once: what is answered must be written to the node."""
    everywhere(actor)
    nodes = nodes_of(house)
    return _issued(nodes, await nodes.rotate(node, actor, reason=wish.reason))


@router.post("/nodes/{node}/revoke")
async def revoke_node(house: HouseDep, actor: CanManageNodes, node: NodeId, wish: Why) -> NodeOut:
    """End a node's key: it is disconnected and stays out. Its device and history stay."""
    everywhere(actor)
    nodes = nodes_of(house)
    return node_out(nodes, await nodes.revoke(node, actor, reason=wish.reason))


@router.post("/nodes/{node}/replace")
async def replace_node(house: HouseDep, actor: CanManageNodes, node: NodeId, wish: Successor) -> SwappedOut:
    """Another node takes this one's place: name, area, history, rules and configuration. This one's key ends."""
    everywhere(actor)
    nodes = nodes_of(house)
    heir, device = await nodes.replace(node, wish.by, actor, reason=wish.reason, force=wish.force)
    return SwappedOut(node=node_out(nodes, heir), device=device_out(house.register, device))


@router.post("/nodes/{node}/test")
async def test_node(house: HouseDep, actor: CanManageNodes, node: NodeId) -> NodeOut:
    """The factory test: each part gives a value or moves, and the signal is good. `tests` says which pin fails."""
    everywhere(actor)
    nodes = nodes_of(house)
    held, _ = await nodes.test(node, actor)
    return node_out(nodes, held)


@router.post("/nodes/{node}/identify", status_code=204)
async def identify_node(house: HouseDep, actor: CanManageNodes, node: NodeId) -> None:
    """The node blinks."""
    everywhere(actor)
    await nodes_of(house).identify(node, actor)


@router.get("/wifi-networks")
async def list_networks(house: HouseDep, actor: CanSeeNodes) -> list[str]:
    """Names of the Wi-Fi networks that nodes are told. Their passwords are never shown."""
    everywhere(actor)
    return await nodes_of(house).networks.names()


@router.post("/wifi-networks", status_code=204)
async def save_network(house: HouseDep, actor: CanManageNodes, wish: NewNetwork) -> None:
    """Add a network, or change its password. Nodes learn of it when they are enrolled or told anew."""
    everywhere(actor)
    await nodes_of(house).networks.save(wish.ssid, wish.password, actor)


@router.delete("/wifi-networks", status_code=204)
async def remove_network(house: HouseDep, actor: CanManageNodes, ssid: Annotated[str, Query(max_length=32)]) -> None:
    """Forget a network. Nodes that know it keep it."""
    everywhere(actor)
    await nodes_of(house).networks.remove(ssid, actor)


def nodes_of(house: House) -> Nodes:
    if house.nodes is None:
        raise BrokerElsewhere
    return house.nodes


def node_out(nodes: Nodes, node: Node) -> NodeOut:
    device = nodes.device(node.id)
    fields = {name: getattr(node, name) for name in NodeOut.model_fields if name != "device"}
    return NodeOut(**{**fields, "tests": [dict(one) for one in node.tests], "device": device.key if device else ""})


def _issued(nodes: Nodes, made: IssuedNode) -> IssuedOut:
    return IssuedOut(
        node=node_out(nodes, made.node),
        username=made.username,
        password=made.password,
        net=made.net(),
        ca_der=base64.b64encode(made.place.ca_der).decode(),
        setup_code=made.setup_code,
    )
