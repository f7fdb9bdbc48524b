"""Which node a device is."""

from __future__ import annotations

from sluis.model import Device, NotFound
from sluis.model.nodes import Node
from sluis.panel.ports import House

DRIVER = "sluis-node"


async def node_of(house: House, device: Device) -> Node | None:
    """The node that a device is; None for other devices, and for programs that only speak as nodes do."""
    if device.driver != DRIVER or house.nodes is None:
        return None
    try:
        return await house.nodes.node(device.native_id)
    except NotFound:
        return None
