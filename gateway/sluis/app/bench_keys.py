"""What follows a board's first start: its key over the cable it is on, and the proof that it works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sluis.model import Actor, Device, SluisError
from sluis.model.nodes import NodeState
from sluis.runtime import Clock
from sluis_provision.bench import Seat
from sluis_provision.bench.problem import NotProvenYet
from sluis_provision.enrol import Enrolment
from sluis_provision.enrol.cable import Cable
from sluis_provision.enrol.errors import NodeSilent
from sluis_provision.enrol.issued import Issued

COMES_S = 120.0
"""How long a node may take to its broker: a small chip looks for its networks and shakes hands over TLS, with several
networks in turn. Shorter and good boards fail; longer and a wrong Wi-Fi password is found late."""

AGAIN_S = 1.0
STARTS = 8
"""Questions to a node that starts: a small chip takes some ten seconds, and more while it looks for its networks."""

SILENT = ("node.silent", "link")

T = TypeVar("T")
Tell = Callable[[str], None]


class Keys:
    """Keys and proofs, for the boards on the bench."""

    def __init__(self, nodes: Enrolment, clock: Clock, comes_s: float = COMES_S) -> None:
        self._nodes = nodes
        self._clock = clock
        self._comes_s = comes_s

    async def give(self, seat: Seat, actor: Actor, *, again: bool, tell: Tell) -> str:
        """Identity, key, proof; one sentence about it. NotProvenYet says what is wrong and what to check."""
        tell("asks the node on the cable who it is")
        made = await _whole(self._hand(seat, actor, again))
        tell("has its key; joins its network")
        return await _whole(self._prove(made, actor, tell))

    async def _hand(self, seat: Seat, actor: Actor, again: bool) -> Issued:
        async with seat.flasher.console() as line:
            cable = Cable(line)
            about = await cable.about(tries=STARTS)
            board = about.board or seat.job.profile.key
            made = await self._nodes.enrol(about.id, actor, board=board, again=again)
            await cable.enrol(made.net(), made.place.ca_der, made.node.fingerprint)
        return made

    async def _prove(self, made: Issued, actor: Actor, tell: Tell) -> str:
        """Ask until it answers."""
        start_us = self._clock.stamp().mono_us
        while True:
            try:
                node, verdict = await self._nodes.test(made.node.id, actor)
                break
            except NodeSilent as error:
                if self._clock.stamp().mono_us - start_us > self._comes_s * 1e6:
                    said = f"{made.node.id} has not come within {self._comes_s:.0f} s"
                    raise NotProvenYet(said, hint=error.hint or NotProvenYet.hint) from error
                tell("waits for it to reach this gateway")
            await self._clock.sleep(AGAIN_S)
        if not verdict.passed:
            wrong = [line.part + (f" on {line.pin}" if line.pin else "") for line in verdict.lines if not line.ok]
            raise NotProvenYet(f"its test failed: {', '.join(wrong)}", hint=verdict.fault)
        heard = f", heard with {node.rssi_dbm} dBm" if node.rssi_dbm is not None else ""
        return f"key of generation {node.generation}; {len(verdict.lines)} checks passed{heard}"

    async def place(self, node_id: str, actor: Actor, **where: Any) -> Device:
        """A name and an area for a node that is proven."""
        node = await self._nodes.node(node_id)
        if node.state is not NodeState.PROVEN:
            raise NotProvenYet(f"{node_id} has not passed its test", hint=node.fault or "Test it first.")
        return await self._nodes.take(node_id, actor, **where)


async def _whole(step: Awaitable[T]) -> T:
    """What goes wrong with a key becomes a board's failure, with its advice."""
    try:
        return await step
    except NotProvenYet:
        raise
    except SluisError as error:
        raise NotProvenYet(str(error), hint=error.hint or NotProvenYet.hint) from error
