"""A device takes the place of another: in the register, among the nodes, and at the broker."""

from __future__ import annotations

from sluis.model import Actor, Device, NotFound
from sluis.model.nodes import NodeState
from sluis.panel.ports import House

NODE_DRIVER = "sluis-node"


async def replaced(house: House, key: str, by: str, actor: Actor, *, force: bool = False, reason: str = "") -> Device:
    """The device now in the place of `key`. What the dead one could open at our broker is closed."""
    was, comes = house.register.device(key), house.register.device(by)
    if house.nodes is not None and was.driver == comes.driver == NODE_DRIVER and await _enrolled(house, was):
        _, device = await house.nodes.replace(was.native_id, comes.native_id, actor, reason=reason, force=force)
        return device
    device = await house.register.replace(key, by, actor, force=force)
    if house.broker is not None:
        for account in house.broker.accounts():
            if (account.driver, account.native_id) == (was.driver, was.native_id):
                await house.broker.revoke(account.username, actor)
    return device


async def _enrolled(house: House, device: Device) -> bool:
    """Whether it is a node of ours; a program that speaks as one has an account and no record."""
    assert house.nodes is not None
    try:
        return (await house.nodes.node(device.native_id)).state is not NodeState.REPLACED
    except NotFound:
        return False
