"""Releases handed to nodes: offered, and given piece by piece as a node asks for them. The node checks and decides.

    sluis/<id>/get        {"sha256", "offset", "size"}                        (from the node)
    sluis/<id>/chunk      32 bytes of hash, 4 of offset (big endian), bytes of the file; none = there is no such file
    sluis/<id>/updating   retained: slot, version, sequence, floor, trial, phase, to, percent, reason, back

A piece is read from the bundle where it lies, so memory does not grow with nodes or bundles. What is offered to whom is
on disk: a node that goes on with a download after both were away finds its files.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from sluis.links.files import write_whole
from sluis.links.mqtt import MqttLink
from sluis.model import Actor, Frame, LinkError, SluisError
from sluis.model.nodes import NODE_ID, NodeUpdate
from sluis.runtime import supervise
from sluis.runtime.clock import Clock
from sluis.store.audit import AuditLog
from sluis_provision.bundle.archive import Bundle
from sluis_provision.enrol.ports import NodeLine

log = logging.getLogger(__name__)

PIECE_MAX = 16_384
"""Bytes of one piece at most. A node asks for 1,024; one that asks for more than it could hold is not obeyed."""


class Asked(msgspec.Struct, frozen=True):
    """What a node wants next."""

    sha256: str
    offset: int
    size: int


class NodeUpdates:
    """Implements the panel's `NodeUpdates`. It has a link of its own: pieces do not queue before readings."""

    def __init__(
        self,
        link: MqttLink,
        line: NodeLine,
        bundles: Callable[[str], Awaitable[Bundle]],
        audit: AuditLog,
        clock: Clock,
        file: Path,
    ) -> None:
        self._link = link
        self._line = line
        self._bundles = bundles
        self._audit = audit
        self._clock = clock
        self._file = file
        self._offered: dict[str, str] = _read(file)
        """Node -> name of the bundle."""
        self._open: dict[str, Bundle] = {}
        """By name, of those that are being fetched."""
        self._told: dict[str, NodeUpdate] = {}
        self._keeping = asyncio.Lock()
        self._ear: Callable[[str, NodeUpdate], Awaitable[None]] | None = None

    def of(self, node_id: str) -> NodeUpdate | None:
        """What a node last said of its update; None where it has said nothing since the start."""
        return self._told.get(node_id)

    async def offer(self, node_id: str, name: str, actor: Actor, *, hurry: bool = False, reason: str = "") -> None:
        """Offer an imported release. Raises why the release is not believed, or why the node does not take it now."""
        bundle = await self._bundles(name)
        self._open[name] = bundle
        before = self._offered.get(node_id)
        self._offered[node_id] = name
        await self._keep()
        try:
            told = {"release": bundle.signed_manifest.encode().decode(), **({"now": True} if hurry else {})}
            await self._line.ask(node_id, "update", told)
        except SluisError:
            if before is None:
                self._offered.pop(node_id, None)
            else:
                self._offered[node_id] = before
            await self._keep()
            raise
        about = {"bundle": name, "manifest": bundle.digest}
        await self._audit.record(actor, "node.update", node_id, about, reason=reason)

    def on_told(self, ear: Callable[[str, NodeUpdate], Awaitable[None]]) -> None:
        """`ear` is told whatever a node says of its update."""
        self._ear = ear

    async def withdraw(self, node_id: str, actor: Actor, *, reason: str = "") -> None:
        """It is offered no more; what it has of it is dropped."""
        await self._line.ask(node_id, "drop")
        if self._offered.pop(node_id, None) is not None:
            await self._keep()
        await self._audit.record(actor, "node.update-withdrawn", node_id, {}, reason=reason)

    async def undo(self, node_id: str, actor: Actor, *, reason: str = "") -> None:
        """Back to the version before, which lies in the node's other slot: nothing is fetched."""
        await self._line.ask(node_id, "undo")
        await self._audit.record(actor, "node.update-undone", node_id, {}, reason=reason)

    async def run(self) -> None:
        self._link.set_filters(frozenset({"sluis/+/get", "sluis/+/updating"}))
        async with asyncio.TaskGroup() as group:
            group.create_task(supervise("the nodes' link", self._link.run, self._clock))
            group.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            for frame in await self._link.take():
                with suppress(LinkError):  # the node asks again
                    await self._heard(frame)
                if frame.token is not None:
                    self._link.acknowledge([frame.token])

    async def _heard(self, frame: Frame) -> None:
        _, node_id, what = frame.source.split("/", 2)
        if not NODE_ID.fullmatch(node_id):
            return
        if what == "updating":
            self._told[node_id] = said = _said(frame.data)
            if self._ear is not None:
                await self._ear(node_id, said)
        elif not frame.retained:
            try:
                asked = msgspec.json.decode(frame.data, type=Asked)
                digest = bytes.fromhex(asked.sha256)
            except (msgspec.DecodeError, ValueError):
                return
            piece = await self._piece(node_id, asked)
            head = digest + asked.offset.to_bytes(4, "big") if 0 <= asked.offset < 1 << 32 else digest + bytes(4)
            await self._link.send(head + piece, to=f"sluis/{node_id}/chunk")

    async def _piece(self, node_id: str, asked: Asked) -> bytes:
        """Nothing where this node was offered no such file, or the bundle is gone."""
        name = self._offered.get(node_id, "")
        try:
            bundle = self._open.get(name) or (await self._bundles(name) if name else None)
        except SluisError as error:
            log.warning("%s asks for what cannot be given: %s", node_id, error)
            return b""
        if bundle is None:
            return b""
        self._open[name] = bundle
        entry = next((one for one in bundle.manifest.files if one.sha256 == asked.sha256), None)
        if entry is None or not 0 <= asked.offset < entry.size or not 0 < asked.size <= PIECE_MAX:
            return b""
        try:
            return await asyncio.to_thread(bundle.piece, entry, asked.offset, asked.size)
        except OSError as error:  # it was removed meanwhile
            self._open.pop(name, None)
            log.warning("%s asks for what cannot be read: %s", node_id, error)
            return b""

    async def _keep(self) -> None:
        """One at a time: many are offered at once in a rollout."""
        async with self._keeping:
            await asyncio.to_thread(self._write, json.dumps(self._offered))

    def _write(self, told: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, told)


def _said(data: bytes) -> NodeUpdate:
    """What a node tells, which may be anything."""
    try:
        told = json.loads(data)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    return NodeUpdate(
        slot=str(told.get("slot", ""))[:8],
        version=str(told.get("version", ""))[:80],
        sequence=_number(told, "sequence"),
        floor=_number(told, "floor"),
        trial=told.get("trial") is True,
        phase=str(told.get("phase") or "")[:40],
        to=_number(told, "to"),
        percent=min(100, _number(told, "percent")),
        reason=str(told.get("reason") or "")[:300],
        back=_number(told, "back"),
    )


def _number(told: Mapping[str, Any], key: str) -> int:
    value = told.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0


def _read(file: Path) -> dict[str, str]:
    """Nothing of a damaged file."""
    try:
        told = json.loads(file.read_text())
        return {str(node): str(name) for node, name in told.items()} if isinstance(told, dict) else {}
    except (OSError, ValueError):
        return {}
