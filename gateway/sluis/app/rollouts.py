"""Rollouts in this gateway: its nodes as targets, its node line as their carrier, a file for each rollout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sluis.app.node_updates import NodeUpdates
from sluis.app.rollout_devices import DeviceSite
from sluis.fleet import Release, Rollout, Seen, Target, Told
from sluis.intake import Register
from sluis.links.files import write_whole
from sluis.model import Actor, LinkError, SluisError
from sluis.model.nodes import NODE_ID, Node, NodeState
from sluis.panel.ports import Nodes
from sluis.runtime import Clock
from sluis.updates import Reply
from sluis.watch.alerts import Alerts
from sluis_provision.bundle.archive import Bundle
from sluis_provision.enrol.errors import NodeRefused
from sluis_provision.images.profiles import profiles

log = logging.getLogger(__name__)

FREE_MEMORY = "free_memory"
"""A node's own point, in bytes."""
KEPT = 50
"""Rollouts that are kept; each of a hundred nodes has some 40 kB."""


class Targets:
    """Implements `Site`: nodes that have proven themselves, and devices whose firmware their driver can update."""

    def __init__(
        self,
        nodes: Nodes | None,
        updates: NodeUpdates,
        register: Register,
        alerts: Alerts,
        bundles: Callable[[str], Awaitable[Bundle]],
        clock: Clock,
    ) -> None:
        self._nodes = nodes
        self._updates = updates
        self._register = register
        self._alerts = alerts
        self._bundles = bundles
        self._clock = clock
        self._families = {one.key: one.family for one in profiles().values()}
        self._others = DeviceSite(register, clock)
        self.asked = self._others.asked

    async def targets(self) -> Sequence[Target]:
        return [*await self._node_targets(), *await self._others.targets()]

    async def _node_targets(self) -> Sequence[Target]:
        nodes = [one for one in await self._nodes.nodes() if one.state is NodeState.PROVEN] if self._nodes else []
        return [self._target(one) for one in nodes]

    def _target(self, node: Node) -> Target:
        device = self._nodes.device(node.id) if self._nodes is not None else None
        said = self._updates.of(node.id)
        return Target(
            key=node.id,
            name=device.name if device is not None else "",
            area=device.area if device is not None else "",
            board=node.board,
            family=self._families.get(node.board, ""),
            version=said.version if said is not None else node.firmware,
            sequence=said.sequence if said is not None else 0,
            floor=said.floor if said is not None else 0,
            online=self._online(node.id),
            rssi_dbm=node.rssi_dbm,
        )

    def _device(self, key: str) -> str:
        """The device that a node is; a device itself."""
        found = self._nodes.device(key) if self._nodes is not None and NODE_ID.fullmatch(key) else None
        return found.key if found is not None else key

    def _online(self, key: str) -> bool:
        device = self._device(key)
        return self._others.has(device) and self._others.online(device)

    async def release(self, name: str) -> Release:
        if not name.endswith(".sluis"):
            return await self._others.release(name)
        told = (await self._bundles(name)).manifest
        return Release(
            name=name,
            version=told.version,
            sequence=told.sequence,
            boards=() if told.board == "any" else (told.board,),
            runtime=told.runtime,
            least=told.since,
            size_bytes=told.size,
        )

    def seen(self, key: str, at_s: float) -> Seen | None:
        if not self._online(key):
            return None
        device = self._device(key)
        twin = self._register.twin(device)
        free = twin.reported.get(FREE_MEMORY)
        silent_us = self._clock.stamp().mono_us - twin.heard_at.mono_us if twin.heard_at is not None else None
        return Seen(
            at_s=at_s,
            key=key,
            alerts=sum(one.open and one.device == device for one in self._alerts.now()),
            free_bytes=int(free.value) if free is not None and isinstance(free.value, int | float) else None,
            every_s=silent_us / 1e6 if silent_us is not None else None,
        )

    def told(self, key: str, at_s: float) -> Told | None:
        return None if NODE_ID.fullmatch(key) else self._others.told(key, at_s)

    def now(self) -> tuple[int, int]:
        at = datetime.fromtimestamp(self._clock.stamp().at_us / 1e6, UTC).astimezone()
        return at.weekday(), at.hour * 60 + at.minute


class NodeCarrier:
    """Implements `Carrier` for nodes."""

    def __init__(self, updates: NodeUpdates) -> None:
        self._updates = updates

    async def offer(self, key: str, release: str, actor: Actor) -> Reply:
        return await _replied(self._updates.offer(key, release, actor))

    async def withdraw(self, key: str, actor: Actor) -> Reply:
        return await _replied(self._updates.withdraw(key, actor))

    async def undo(self, key: str, actor: Actor) -> Reply:
        return await _replied(self._updates.undo(key, actor))


async def _replied(order: Awaitable[None]) -> Reply:
    try:
        await order
    except NodeRefused as error:
        return Reply("later" if error.later_s else "no", str(error), error.later_s)
    except LinkError as error:
        return Reply("silent", str(error))
    except SluisError as error:
        return Reply("no", str(error))
    return Reply("taken")


class RolloutFiles:
    """Implements `Keeper`: a file each, replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def load(self) -> Sequence[Rollout]:
        return await asyncio.to_thread(self._load)

    def _load(self) -> list[Rollout]:
        found = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=Rollout))
            except (OSError, msgspec.DecodeError) as error:
                log.warning("a rollout cannot be read: %s: %s", file.name, error)
        found.sort(key=lambda one: -one.begun_s)
        for old in found[KEPT:]:
            if old.settled:
                (self._folder / f"{old.plan.id}.json").unlink(missing_ok=True)
        return found

    async def save(self, rollout: Rollout) -> None:
        told = msgspec.json.encode(rollout)
        try:
            await asyncio.to_thread(self._write, rollout.plan.id, told)
        except OSError as error:  # a full disk stops no rollout; a restart would ask again what was asked
            log.warning("a rollout could not be kept: %s", error)

    def _write(self, name: str, told: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / f"{name}.json", told.decode())
