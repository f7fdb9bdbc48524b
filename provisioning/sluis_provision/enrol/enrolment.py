"""Enrolment: keys of nodes, from the first to the last, and what a node must show before it counts as provisioned.

    (nothing) -- enrol --> enrolled -- test passed --> proven -- rotate --> enrolled ...
                               \\________________________\\___ revoke, wipe --> revoked -- enrol --> enrolled
                                                          \\__ replace -------> replaced (successor takes its place)

Every step is durable before it is told, in an order in which a power cut leaves something the next try repairs: a
record without an account is enrolled again with the same key; an account outlives its record's end by at most one try.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluis.model import Actor, ConfigError, Device
from sluis.model.commands import SYSTEM
from sluis.model.nodes import NODE_ID, Node, NodeState
from sluis.runtime import Clock
from sluis.wire import setup_code
from sluis.wire.setup_code import PRINT_CHARS, SetupCode
from sluis_provision.enrol.alike import alike
from sluis_provision.enrol.errors import CodeUsed, NodeRefused, NodeRevoked, NodeSilent, NotProven, SameId, UnknownNode
from sluis_provision.enrol.issued import Issued
from sluis_provision.enrol.networks import Networks
from sluis_provision.enrol.ports import Accounts, Audit, Devices, NodeLine, Records
from sluis_provision.enrol.proof import Bounds, Verdict, judge
from sluis_provision.enrol.secret import SiteSecret, fingerprint

ANNOUNCED_WITHIN_S = 5.0
"""From a node's answer to its announcement: it announces itself as the first thing it does, in some kilobytes."""

LOOK_S = 0.1

ENDED = frozenset({NodeState.REVOKED, NodeState.REPLACED})


class Enrolment:
    """All nodes of a site. Runs on the event loop."""

    def __init__(
        self,
        records: Records,
        accounts: Accounts,
        line: NodeLine,
        devices: Devices,
        secret: SiteSecret,
        audit: Audit,
        clock: Clock,
        bounds: Bounds | None = None,
    ) -> None:
        self.networks = Networks(records, secret, audit, clock)
        self._records = records
        self._accounts = accounts
        self._line = line
        self._devices = devices
        self._secret = secret
        self._audit = audit
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._changing = asyncio.Lock()

    # -- looking ------------------------------------------------------------------------------------------

    async def nodes(self) -> list[Node]:
        """All that were ever enrolled, by id, each with what is wrong with it now."""
        return [self._with_trouble(node) for node in await self._records.nodes()]

    async def node(self, node_id: str) -> Node:
        """UnknownNode when it was never enrolled."""
        return self._with_trouble(await self._held(node_id))

    def device(self, node_id: str) -> Device | None:
        """What it announced itself as; None when it never did."""
        return self._devices.of_node(node_id)

    def _with_trouble(self, node: Node) -> Node:
        trouble = self._accounts.trouble(node.id, node.keyed_at_us)
        return replace(node, fault=trouble) if trouble else node

    # -- keys ---------------------------------------------------------------------------------------------

    async def enrol(
        self, node_id: str, actor: Actor, *, board: str = "", profile: str = "", serial: str = "", again: bool = False
    ) -> Issued:
        """Give a board its identity. Asked again before it has proven itself, the answer is the same.

        SameId when a node with this id is in use, or when what is told of the board contradicts what is known;
        `again` says that it is that board, flashed anew: it gets a new key.
        """
        if not NODE_ID.fullmatch(node_id):
            raise ConfigError(f"{node_id!r} is no chip's number", where="id", allowed="12 or 16 hex digits, lower case")
        async with self._changing:
            held = await self._records.node(node_id)
            if held is not None and not again:
                _one_board(held, board, serial)
            generation = self._next_generation(held, again)
            told = {"board": board, "profile": profile, "serial": serial}
            fresh: dict[str, Any] = {field: value for field, value in told.items() if value}
            node = replace(held or Node(node_id), **fresh)
            return await self._issue(node, generation, actor, "node.enrolled")

    async def rotate(self, node_id: str, actor: Actor, *, reason: str = "") -> Issued:
        """A new key; the old one ends at once, and the node must prove itself again. NodeRevoked when it has none."""
        async with self._changing:
            held = await self._in_force(node_id)
            return await self._issue(held, held.generation + 1, actor, "node.rotated", reason)

    async def revoke(self, node_id: str, actor: Actor, *, reason: str = "") -> Node:
        """End its credentials. Its device and history stay."""
        async with self._changing:
            held = await self._held(node_id)
            return await self._end(held, NodeState.REVOKED, actor, "node.revoked", reason)

    async def wipe(self, node_id: str, actor: Actor, *, reason: str = "") -> tuple[Node, bool]:
        """De-provision: the node erases what it was told, then its credentials end and its device is out of use.

        Whether the node itself did its part: one that is dead or out of reach keeps a key that opens nothing.
        """
        held = await self._held(node_id)
        try:
            await self._line.ask(held.id, "wipe")
            erased = True
        except (NodeSilent, NodeRefused):
            erased = False
        async with self._changing:
            node = await self._end(held, NodeState.REVOKED, actor, "node.wiped", reason, erased=erased)
        await self._line.withdraw(held.id)
        device = self._devices.of_node(held.id)
        if device is not None and device.adopted_at_us:
            await self._devices.retire(device.key, actor)
        return node, erased

    async def _issue(self, node: Node, generation: int, actor: Actor, action: str, reason: str = "") -> Issued:
        password = await asyncio.to_thread(self._secret.password, node.id, generation)
        now_us = self._clock.stamp().at_us
        if generation != node.generation or not node.fingerprint:
            node = replace(
                node, generation=generation, keyed_at_us=now_us, proven_at_us=None, tests=(), tested_at_us=None
            )
        node = replace(
            node,
            fingerprint=fingerprint(password),
            state=NodeState.ENROLLED,
            by=actor.label,
            enrolled_at_us=node.enrolled_at_us or now_us,
            fault="",
            successor="",
        )
        networks = await self.networks.all()
        await self._records.save(node)
        await self._accounts.give(node.id, password)
        detail = {"generation": generation, "fingerprint": node.fingerprint, "board": node.board}
        await self._audit.record(actor, action, node.id, detail, reason=reason)
        return Issued(node, password, self._accounts.place, self._code(node).text(), networks)

    def _next_generation(self, held: Node | None, again: bool) -> int:
        if held is None:
            return 1
        kept = fingerprint(self._secret.password(held.id, held.generation)) == held.fingerprint
        same = held.state is NodeState.ENROLLED and not again and kept
        return held.generation if same else held.generation + 1

    async def _end(self, node: Node, state: NodeState, actor: Actor, action: str, reason: str, **detail: Any) -> Node:
        successor = str(detail.get("successor", ""))
        node = replace(node, state=state, fault="", successor=successor)
        await self._records.save(node)
        await self._accounts.end(node.id)
        await self._audit.record(actor, action, node.id, {"generation": node.generation, **detail}, reason=reason)
        return node

    def _code(self, node: Node) -> SetupCode:
        code = self._secret.adoption_code(node.id, node.generation)
        return SetupCode(node.id, code, node.fingerprint[:PRINT_CHARS])

    # -- proving ------------------------------------------------------------------------------------------

    async def test(self, node_id: str, actor: Actor) -> tuple[Node, Verdict]:
        """The factory test. What it found is kept with the node; a node that passes counts as provisioned.

        NodeSilent when it does not answer, with the reason where one is known; that is kept as well.
        """
        held = await self._in_force(node_id)
        try:
            answer = await self._line.ask(held.id, "test", {"rssi_min": self._bounds.rssi_floor_dbm})
            has = await self._line.ask(held.id, "config") if held.config else {}
        except NodeSilent as error:
            trouble = self._accounts.trouble(held.id, held.keyed_at_us, strangers=True) or f"{error}. {error.hint}"
            await self._keep(held, fault=trouble)
            raise NodeSilent(f"{held.id} did not answer", hint=trouble) from error
        device, kept = await self._announced(held.id), not held.config or alike(has.get("node"), held.config)
        verdict = judge(answer, announced=device is not None, configured=kept, bounds=self._bounds)
        now_us = self._clock.stamp().at_us
        found: dict[str, Any] = {
            "state": NodeState.PROVEN if verdict.passed else NodeState.ENROLLED,
            "proven_at_us": now_us if verdict.passed else None,
            "tests": verdict.kept(),
            "tested_at_us": now_us,
            "rssi_dbm": verdict.rssi_dbm,
            "firmware": device.firmware if device is not None else "",
            "fault": verdict.fault,
        }
        node = await self._keep(held, **found)
        failed = [line.part for line in verdict.lines if not line.ok]
        await self._audit.record(actor, "node.tested", held.id, {"passed": verdict.passed, "failed": failed})
        return node, verdict

    async def _announced(self, node_id: str) -> Device | None:
        """The node's device. One that has just connected answers before its announcement has been taken in."""
        for _ in range(round(ANNOUNCED_WITHIN_S / LOOK_S)):
            if (device := self._devices.of_node(node_id)) is not None:
                return device
            await self._clock.sleep(LOOK_S)
        return self._devices.of_node(node_id)

    async def setup_code(self, node_id: str) -> str:
        """What its label carries. CodeUsed when it is in use already; NodeRevoked when it has no key."""
        node = await self._in_force(node_id)
        if node.code_used_at_us is not None:
            raise CodeUsed(f"the set-up code of {node.id} was used: it is in use")
        return self._code(node).text()

    async def adopt(
        self, text: str, actor: Actor, *, name: str, area: str, asset_number: str = "", reason: str = ""
    ) -> Device:
        """Take the node of a set-up code into use. CodeUsed, NotProven (without a reason), NodeSilent, BadSetupCode."""
        code = setup_code.parse(text)
        async with self._changing:
            node = await self._in_force(code.node)
            if node.code_used_at_us is not None or not _same(code, self._code(node)):
                raise CodeUsed(f"this set-up code of {node.id} is no longer valid")
            adopted = await self._adopt(node, actor, name, area, asset_number, reason)
        await self._audit.record(actor, "node.adopted", node.id, {"device": adopted.key}, reason=reason)
        return adopted

    async def take(
        self, node_id: str, actor: Actor, *, name: str, area: str, asset_number: str = "", reason: str = ""
    ) -> Device:
        """Take a node that lies on the bench into use: whoever flashed it need not scan its code, which is used up."""
        async with self._changing:
            node = await self._in_force(node_id)
            adopted = await self._adopt(node, actor, name, area, asset_number, reason)
        await self._audit.record(actor, "node.adopted", node.id, {"device": adopted.key}, reason=reason)
        return adopted

    async def _adopt(self, node: Node, actor: Actor, name: str, area: str, asset_number: str, reason: str) -> Device:
        """NotProven (without a reason), NodeSilent when it has not announced itself."""
        if node.state is not NodeState.PROVEN and not reason:
            raise NotProven(f"{node.id} has not passed its factory test")
        device = self._devices.of_node(node.id)
        if device is None:
            raise NodeSilent(f"{node.id} has not announced itself yet")
        adopted = await self._devices.adopt(device.key, name=name, area=area, asset_number=asset_number, actor=actor)
        await self._records.save(replace(node, code_used_at_us=self._clock.stamp().at_us))
        return adopted

    # -- asking -------------------------------------------------------------------------------------------

    async def identify(self, node_id: str, actor: Actor) -> None:
        """The node shows itself: it blinks."""
        held = await self._in_force(node_id)
        await self._line.ask(held.id, "identify")
        await self._audit.record(actor, "node.identified", held.id)

    async def config(self, node_id: str, *, previous: bool = False) -> Mapping[str, Any]:
        """The node's `node.json`, as it is on the node; or the one it had before, empty when there was none."""
        held = await self._in_force(node_id)
        told = (await self._line.ask(held.id, "config", {"which": "previous"} if previous else None)).get("node")
        return told if isinstance(told, Mapping) else {}

    async def configure(
        self, node_id: str, config: Mapping[str, Any], actor: Actor, *, trial_s: int | None = None
    ) -> Node:
        """Give it another `node.json`. The node checks it first, and goes back to the old one when it does not reach
        its broker with the new one within `trial_s` (its own time unless told). What it took must be tested: it
        counts as enrolled again."""
        held = await self._in_force(node_id)
        await self._line.ask(held.id, "config", {"node": config} | ({"trial_s": trial_s} if trial_s else {}))
        node = await self._keep(held, config=config, state=NodeState.ENROLLED, proven_at_us=None)
        await self._audit.record(actor, "node.configured", held.id, {"config": config})
        return node

    async def fell_back(self, before: Node, config: Mapping[str, Any], reason: str) -> None:
        """It did not keep what it was given: what it has is what was there `before`, and as good."""
        await self._keep(before, config=config, state=before.state, proven_at_us=before.proven_at_us)
        await self._audit.record(SYSTEM, "node.fell-back", before.id, {"config": config}, reason=reason)

    # -- swapping -----------------------------------------------------------------------------------------

    async def replace(
        self, old_id: str, new_id: str, actor: Actor, *, reason: str = "", force: bool = False
    ) -> tuple[Node, Device]:
        """`new_id` takes the place of the dead `old_id`: its name, area, history, rules and configuration.

        The new one must be enrolled, proven (or forced) and of the same kind of board. The old one's credentials end.
        """
        async with self._changing:
            old, new = await self._held(old_id), await self._in_force(new_id)
            if old.id == new.id:
                raise ConfigError("is the node itself", where=new.id)
            if old.board and new.board and old.board != new.board:
                raise ConfigError(f"is a {new.board}, {old.id} is a {old.board}", where=new.id)
            if new.state is not NodeState.PROVEN and not force:
                raise NotProven(f"{new.id} has not passed its factory test")
            was, comes = self._devices.of_node(old.id), self._devices.of_node(new.id)
            if was is None or comes is None:
                raise NodeSilent(f"{old.id if was is None else new.id} has never announced itself")
            device = await self._devices.replace(was.key, comes.key, actor, force=force)
            heir = replace(new, code_used_at_us=self._clock.stamp().at_us, profile=new.profile or old.profile)
            await self._records.save(heir)
            await self._end(old, NodeState.REPLACED, actor, "node.replaced", reason, successor=new.id)
        if old.config and old.config != new.config:
            heir = await self.configure(new.id, old.config, actor)
        return heir, device

    # -- small --------------------------------------------------------------------------------------------

    async def _keep(self, node: Node, **found: Any) -> Node:
        """Change what is known of a node, on what it is now: it may have been revoked while it was asked."""
        async with self._changing:
            held = await self._held(node.id)
            if held.generation != node.generation or held.state in ENDED:
                return held
            changed = replace(held, **found)
            await self._records.save(changed)
            return changed

    async def _held(self, node_id: str) -> Node:
        held = await self._records.node(node_id)
        if held is None:
            raise UnknownNode(f"no node {node_id!r} was enrolled")
        return held

    async def _in_force(self, node_id: str) -> Node:
        """NodeRevoked when its credentials have ended."""
        held = await self._held(node_id)
        if held.state in ENDED:
            took = f"; {held.successor} took its place" if held.successor else ""
            raise NodeRevoked(f"{held.id} is {held.state}{took}")
        return held


def _one_board(held: Node, board: str, serial: str) -> None:
    """SameId when this cannot be the board that the record is of, or when that one is at work."""
    if held.state in ENDED:
        return
    for what, known, told in (("a", held.board, board), ("number", held.serial, serial)):
        if known and told and known != told:
            raise SameId(f"{held.id} is enrolled as {what} {known}; this one is {what} {told}")
    if held.state is NodeState.PROVEN:
        raise SameId(f"{held.id} is in use")


def _same(told: SetupCode, right: SetupCode) -> bool:
    """In constant time."""
    mine, theirs = (f"{one.adoption_code}{one.key_print}".encode() for one in (right, told))
    return hmac.compare_digest(mine, theirs)
