"""Gives nodes another configuration: checked here first, sent, and watched until it is known what became of it.

    (nothing) -- give --> trying --> kept     it reached its broker with it
                             |-----> back     it came with the one from before: it crashed, or did not reach its broker
                             \\-----> lost     it did not come at all within the time of its trial

The node itself decides between the first two (firmware, `trial.py`); here it is only asked what it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from sluis.model import Actor
from sluis.model.nodes import Node
from sluis.model.wiring import Catalogue, Fault, Stage, Trial, WrongWiring
from sluis.runtime import Clock
from sluis_provision.enrol.alike import alike
from sluis_provision.enrol.errors import NodeRefused, NodeSilent
from sluis_provision.enrol.ports import NodeLine
from sluis_provision.wiring.workshop import Workshop

TRIAL_S = 180
"""The node's own: Wi-Fi, DHCP, time and TLS take a small chip half a minute."""

LEAVES_S = 4.0
"""A node that took a configuration restarts within a second and flushes for three: what it answers before that is
said with the old one."""

AGAIN_S = 1.0
GRACE_S = 60.0
"""After its trial a node starts once more, with the configuration from before: so long it is waited for."""

WENT_BACK = "went back to the last good one: "
"""How the node's log tells of it."""

GONE = "It has not come back. Does it have power? It goes back by itself when it starts; else: the cable."


UNREACHED = "the broker was not reached"
"""Of the two causes the one after which a node starts again, and so has no log of it any more."""

SAFE_MODE = "It is in safe mode: with this it does not start. Give it another configuration."


class Nodes(Protocol):
    """What is needed of enrolment."""

    async def node(self, node_id: str) -> Node: ...
    async def configure(
        self, node_id: str, config: Mapping[str, Any], actor: Actor, *, trial_s: int | None = None
    ) -> Node: ...
    async def fell_back(self, before: Node, config: Mapping[str, Any], reason: str) -> None: ...


class Wiring:
    """All configurations of a site that are on their way. `run` watches them."""

    def __init__(self, nodes: Nodes, line: NodeLine, clock: Clock, workshop: Workshop | None = None) -> None:
        self._nodes = nodes
        self._line = line
        self._clock = clock
        self._workshop = workshop or Workshop()
        self._trials: dict[str, Trial] = {}
        self._begun: asyncio.Queue[tuple[Node, Trial]] = asyncio.Queue()

    async def catalogue(self) -> Catalogue:
        """What may be wired."""
        return await self._workshop.catalogue()

    async def check(self, node_id: str, config: Mapping[str, Any]) -> list[Fault]:
        """What this node's firmware would find wrong with it."""
        return await self._workshop.check(config, (await self._nodes.node(node_id)).board)

    async def give(
        self, node_id: str, config: Mapping[str, Any], actor: Actor, *, trial_s: int | None = None
    ) -> tuple[Node, Trial]:
        """Check it, send it, and watch. WrongWiring when the check finds something: then nothing was sent."""
        before = await self._nodes.node(node_id)
        if faults := await self._workshop.check(config, before.board):
            raise WrongWiring(faults)
        node = await self._nodes.configure(node_id, config, actor, trial_s=trial_s)
        trial = Trial(node.id, dict(config), trial_s or TRIAL_S, self._clock.stamp().at_us, actor.label)
        self._trials[node.id] = trial
        self._begun.put_nowait((before, trial))
        return node, trial

    def trial(self, node_id: str) -> Trial | None:
        """What became of the last one that this node was given since the gateway started."""
        return self._trials.get(node_id)

    async def run(self) -> None:
        """Watch, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                before, trial = await self._begun.get()
                group.create_task(self._watch(before, trial))

    async def _watch(self, before: Node, trial: Trial) -> None:
        start_us = self._clock.stamp().mono_us
        await self._clock.sleep(LEAVES_S)
        while self._trials.get(trial.node) is trial:
            told = await self._asked(trial.node, "config")
            has = told.get("node")
            if isinstance(has, dict) and not told.get("trial"):
                if not alike(has, trial.config):
                    await self._went_back(before, trial, has)
                elif (await self._asked(trial.node, "about")).get("safe_mode") is True:
                    self._end(trial, Stage.LOST, SAFE_MODE)
                else:
                    self._end(trial, Stage.KEPT)
                return
            if self._clock.stamp().mono_us - start_us > (trial.trial_s + GRACE_S) * 1e6:
                self._end(trial, Stage.LOST, GONE)
                return
            await self._clock.sleep(AGAIN_S)

    async def _went_back(self, before: Node, trial: Trial, has: Mapping[str, Any]) -> None:
        told = await self._asked(trial.node, "log")
        lines = [str(line[2]) for line in told.get("lines", ()) if isinstance(line, list) and len(line) == 3]
        reason = next((line.partition(WENT_BACK)[2] for line in reversed(lines) if WENT_BACK in line), "")
        crash = str(told.get("crash") or "").strip().splitlines()[-1:]
        reason = ". ".join(filter(None, [reason, *crash]))[:300] or UNREACHED
        await self._nodes.fell_back(before, has, reason)
        self._end(trial, Stage.BACK, reason)

    def _end(self, trial: Trial, stage: Stage, reason: str = "") -> None:
        """Unless another has taken its place."""
        if self._trials.get(trial.node) is trial:
            at_us = self._clock.stamp().at_us
            self._trials[trial.node] = replace(trial, stage=stage, reason=reason, ended_at_us=at_us)

    async def _asked(self, node_id: str, do: str) -> Mapping[str, Any]:
        """What it answers; nothing while it does not."""
        try:
            return await self._line.ask(node_id, do)
        except (NodeSilent, NodeRefused):
            return {}
