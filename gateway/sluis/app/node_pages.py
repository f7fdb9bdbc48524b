"""Pages of nodes whose new version went back: asked for when a node comes back, kept, and grouped by their fault."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sluis.intake import Register
from sluis.links.files import write_whole
from sluis.model import AvailabilityChanged
from sluis.model.nodes import CrashPage
from sluis.model.readings import Availability
from sluis.runtime import Bus, Clock
from sluis.wire import crash
from sluis_provision.enrol.errors import NodeRefused, NodeSilent
from sluis_provision.enrol.ports import NodeLine

log = logging.getLogger(__name__)

DRIVER = "sluis-node"
AT_ONCE = 4
"""Nodes that are asked at one moment: after a power cut all of a site come back together, and a node's answer is two
kilobytes over a radio that they share."""

LINES_MAX, LINE_MAX, TRACEBACK_MAX = 60, 300, 4000
"""More of a page is not kept: a node holds 1,500 characters of each."""


class Pages:
    """Implements the panel's `NodePages`."""

    def __init__(self, register: Register, line: NodeLine, bus: Bus, clock: Clock, file: Path) -> None:
        self._register = register
        self._line = line
        self._bus = bus
        self._clock = clock
        self._file = file
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._held: dict[str, CrashPage] = _read(file)

    def of(self, node_id: str) -> CrashPage | None:
        """The page that this node had when it was last asked."""
        return self._held.get(node_id)

    def groups(self) -> Sequence[Sequence[CrashPage]]:
        """All pages, those of one fault together, the most frequent fault first."""
        told = {node: asdict(page) | {"lines": list(page.lines)} for node, page in self._held.items()}
        return [[self._held[node] for node in nodes] for nodes in crash.grouped(told).values()]

    async def ask(self, node_id: str) -> CrashPage | None:
        """The page that it has now. NodeSilent when it does not answer."""
        async with self._asking:
            told = (await self._line.ask(node_id, "page")).get("page")
        page = _page(node_id, self._clock.stamp().at_us, told) if isinstance(told, Mapping) else None
        held = self._held.get(node_id)
        if page is not None and held is not None and asdict(held) | {"seen_us": 0} == asdict(page) | {"seen_us": 0}:
            return held
        if page is None:
            self._held.pop(node_id, None)
        else:
            self._held[node_id] = page
        if page is not held:
            await asyncio.to_thread(self._keep, {node: asdict(one) for node, one in self._held.items()})
        return page

    def _keep(self, told: Mapping[str, Any]) -> None:
        with suppress(OSError):  # a full disk: they are on the nodes still
            write_whole(self._file, json.dumps(told))

    async def run(self) -> None:
        """Ask each node that comes (back), until cancelled."""
        coming = self._bus.subscribe("node-pages", AvailabilityChanged)
        try:
            async with asyncio.TaskGroup() as group:
                async for batch in coming:
                    for event in batch:
                        if isinstance(event, AvailabilityChanged) and event.availability is Availability.ONLINE:
                            group.create_task(self._came(event.device))
        finally:
            coming.close()

    async def _came(self, key: str) -> None:
        device = self._register.device(key)
        if device.driver != DRIVER:
            return
        with suppress(NodeSilent, NodeRefused):
            page = await self.ask(device.native_id)
            if page is not None:
                log.info("%s keeps a page about %s (%s)", key, page.version or "a version", page.print)


def _page(node_id: str, at_us: int, told: Mapping[str, Any]) -> CrashPage:
    """From what a node says, which may be anything."""
    lines = told.get("lines")
    kept = [str(line)[:LINE_MAX] for line in lines[-LINES_MAX:]] if isinstance(lines, list) else []
    sequence = told.get("sequence")
    return CrashPage(
        node_id,
        at_us,
        crash.fingerprint(told),
        str(told.get("slot", ""))[:8],
        str(told.get("version", ""))[:80],
        sequence if isinstance(sequence, int) and 0 <= sequence < 1 << 53 else 0,
        str(told.get("reset_cause", ""))[:80],
        tuple(kept),
        str(told.get("traceback") or "")[-TRACEBACK_MAX:],
    )


def _read(file: Path) -> dict[str, CrashPage]:
    """What was kept; nothing of a damaged file."""
    try:
        told = json.loads(file.read_text())
        return {str(node): _page(str(node), int(one["seen_us"]), one) for node, one in told.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
