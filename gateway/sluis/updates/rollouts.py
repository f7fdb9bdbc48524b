"""Rollouts under way: the clock, the orders, and what is kept. All decisions are `sluis.fleet`'s."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from sluis.fleet import (
    WAVES,
    Answer,
    Asked,
    Bounds,
    Criteria,
    Event,
    Forecast,
    Limits,
    Order,
    Plan,
    Promise,
    Rollout,
    Selection,
    Superseded,
    Target,
    Tick,
    Told,
    Window,
    begin,
    forecast,
    planned,
    step,
)
from sluis.model import Actor, NotFound, Refused
from sluis.model.commands import SYSTEM
from sluis.runtime import Clock
from sluis.updates.ports import Audit, Carrier, Keeper, Reply, Site

log = logging.getLogger(__name__)

TICK_S = 1.0
SEEN_EVERY_S = 10.0
"""How often it is looked how devices do. An alert is seen at the latest after this; a wave soaks for minutes."""


class NoRollout(NotFound):
    """There is no such rollout."""

    code = "rollout.unknown"
    hint = "List them with: sluis rollout list"


class NothingToDo(Refused):
    """Nobody of those that were meant can take the release."""

    code = "rollout.nobody"
    hint = "See why with: sluis rollout plan BUNDLE"


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person wants rolled out, to whom and how."""

    bundle: str
    to: Selection = Selection()
    waves: tuple[str, ...] = WAVES
    criteria: Criteria = Criteria()
    promise: Promise = Promise()
    limits: Limits = Limits()
    bounds: Bounds = Bounds()
    windows: tuple[Window, ...] = ()


class Rollouts:
    """`run` it beside the rest."""

    def __init__(self, site: Site, carriers: Mapping[str, Carrier], keeper: Keeper, audit: Audit, clock: Clock) -> None:
        self._site = site
        self._carriers = carriers
        self._keeper = keeper
        self._audit = audit
        self._clock = clock
        self._held: dict[str, Rollout] = {}
        self._kept: dict[str, object] = {}
        self._last_s = 0.0
        self._group: asyncio.TaskGroup | None = None
        self._lock = asyncio.Lock()

    # -- asked --------------------------------------------------------------------------------------------

    def all(self) -> list[Rollout]:
        """The newest first."""
        return sorted(self._held.values(), key=lambda one: -one.begun_s)

    def rollout(self, rollout_id: str) -> Rollout:
        found = self._held.get(rollout_id)
        if found is None:
            raise NoRollout(f"there is no rollout {rollout_id!r}")
        return found

    async def plan(self, wish: Wish) -> tuple[Plan, Forecast, Mapping[str, Target]]:
        """What would be done. Changes nothing."""
        release = await self._site.release(wish.bundle)
        targets = await self._site.targets()
        waves, left_out = planned(targets, release, wish.to, wish.waves, wish.bounds)
        made = Plan(
            id=uuid4().hex[:12],
            release=release,
            waves=waves,
            left_out=left_out,
            criteria=wish.criteria,
            promise=wish.promise,
            limits=wish.limits,
            bounds=wish.bounds,
            windows=wish.windows,
        )
        return made, forecast(made), {one.key: one for one in targets}

    async def begin(self, wish: Wish, actor: Actor, *, reason: str = "") -> Rollout:
        """Start it. What an older rollout still wanted of these devices it wants no more."""
        plan, _, targets = await self.plan(wish)
        if not plan.waves:
            why = ", ".join(f"{key}: {code}" for key, code in plan.left_out[:5])
            raise NothingToDo(f"nobody can take {plan.release.name}" + (f" ({why})" if why else ""))
        async with self._lock:
            at_s = self._now_s()
            keys = tuple(key for wave in plan.waves for key in wave)
            for older in self._held.values():
                if not older.settled and not older.members.keys().isdisjoint(keys):
                    await self._step(older, Superseded(at_s=at_s, keys=keys))
            made = begin(plan, {key: targets[key].version for key in keys}, actor.label, at_s)
            self._held[plan.id] = made
            await self._save(made)
        detail = {"release": plan.release.name, "waves": [len(wave) for wave in plan.waves], "targets": len(keys)}
        await self._audit.record(actor, "rollout.begin", plan.id, detail, reason=reason)
        return made

    async def ask(self, rollout_id: str, what: str, actor: Actor, *, reason: str = "") -> Rollout:
        """`pause`, `resume`, `retry`, `abort` or `undo`. Refused when that means nothing now."""
        found = self.rollout(rollout_id)
        async with self._lock:
            before = found.phase, found.failed
            await self._step(found, Asked(at_s=self._now_s(), what=what))  # type: ignore[arg-type]
            if (found.phase, found.failed) == before:
                raise Refused(f"a rollout that is {found.phase} cannot {what}", hint="Look: sluis rollout show ID")
        await self._audit.record(actor, f"rollout.{what}", rollout_id, {"phase": found.phase}, reason=reason)
        return found

    # -- running ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled. What was under way when the gateway ended goes on."""
        for held in await self._keeper.load():
            self._held.setdefault(held.plan.id, held)
            self._last_s = max(self._last_s, held.begun_s)
        async with asyncio.TaskGroup() as group:
            self._group = group
            seen_s = 0.0
            while True:
                async with self._lock:
                    at_s = self._now_s()
                    look = at_s - seen_s >= SEEN_EVERY_S
                    seen_s = at_s if look else seen_s
                    for rollout in [one for one in self._held.values() if not one.settled]:
                        if look:
                            await self._look(rollout, at_s)
                        weekday, minute = self._site.now()
                        await self._step(rollout, Tick(at_s=at_s, open=rollout.plan.open_at(weekday, minute)))
                await self._clock.sleep(TICK_S)

    async def _look(self, rollout: Rollout, at_s: float) -> None:
        """What was found is kept with the tick that follows."""
        for key in rollout.members:
            told = self._site.told(key, at_s)
            if told is not None:
                await self._take(rollout, told)
            seen = self._site.seen(key, at_s)
            if seen is not None:
                await self._take(rollout, seen)

    async def told(self, key: str, version: str, sequence: int, **how: Any) -> None:
        """A target said what it runs: `trial`, `phase`, `percent`, `reason`; `back`: the number it went back from."""
        async with self._lock:
            for rollout in [one for one in self._held.values() if not one.settled and key in one.members]:
                back = bool(how.get("back")) and how["back"] == rollout.plan.release.sequence
                said = Told(at_s=self._now_s(), key=key, version=version, sequence=sequence, **(how | {"back": back}))
                await self._step(rollout, said)

    async def _step(self, rollout: Rollout, event: Event) -> None:
        await self._take(rollout, event)
        await self._save(rollout)

    async def _take(self, rollout: Rollout, event: Event) -> None:
        wave, phase = rollout.wave, rollout.phase
        for order in step(rollout, event):
            if self._group is not None:
                self._group.create_task(self._carry(rollout, order))
        if (rollout.wave, rollout.phase) != (wave, phase):
            detail = {"wave": rollout.wave, "phase": rollout.phase, "why": rollout.why}
            detail |= rollout.counts | {"failed": rollout.failed}
            log.info("rollout %s: %s, wave %d", rollout.plan.id, rollout.phase, rollout.wave + 1)
            await self._audit.record(SYSTEM, "rollout.step", rollout.plan.id, detail)

    async def _carry(self, rollout: Rollout, order: Order) -> None:
        carrier = self._carriers["node" if rollout.plan.release.kind == "node" else "device"]
        actor = Actor("system", f"rollout {rollout.plan.id}", SYSTEM.role)
        try:
            if order.do == "offer":
                reply = await carrier.offer(order.key, rollout.plan.release.name, actor)
            elif order.do == "withdraw":
                reply = await carrier.withdraw(order.key, actor)
            else:
                reply = await carrier.undo(order.key, actor)
        except Exception as error:  # a fault of ours or a full disk: given again, and counted as silence
            log.exception("an order to %s could not be carried out", order.key)
            reply = Reply("silent", str(error))
        await self._answered(rollout, order, reply)

    async def _answered(self, rollout: Rollout, order: Order, reply: Reply) -> None:
        async with self._lock:
            answer = Answer(
                at_s=self._now_s(), key=order.key, said=reply.said, why=reply.why[:300], after_s=reply.after_s
            )
            await self._step(rollout, answer)

    async def _save(self, rollout: Rollout) -> None:
        """Only what a restart must know: percents are told again."""
        print_ = (
            rollout.phase,
            rollout.wave,
            rollout.soak_since_s,
            tuple((one.step, one.wish, one.failed, one.given_up) for one in rollout.members.values()),
        )
        if self._kept.get(rollout.plan.id) != print_:
            self._kept[rollout.plan.id] = print_
            await self._keeper.save(rollout)

    def _now_s(self) -> float:
        """Of the wall, so that it means something after a restart; never backwards."""
        self._last_s = max(self._last_s, self._clock.stamp().at_us / 1e6)
        return self._last_s
