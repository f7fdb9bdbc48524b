"""The site walk: a technician goes through an area, every point is tried, and the outcome is signed.

Theory of operation. `planned` makes the steps of an area from what its devices offer. Each step is tried by the gateway
(a point is driven, and what the device then reports is read) or judged by the person who stands there; both are kept at
once, so that a phone that is dropped costs nothing. When no step is open any more the walk is signed: it becomes a
certificate (`papers.certificate`), and the next visit can repeat it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sluis.model import Actor, Kind, NotFound, Point, ProvisionError, SluisError, Value
from sluis.model.papers import Outcome, Walk, WalkStep
from sluis.runtime import Clock
from sluis_provision.papers.certificate import Certificate, Check, Result, print_in


@dataclass(frozen=True, slots=True)
class Walked:
    """A device as a walk knows it."""

    key: str
    name: str
    points: tuple[Point, ...]
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a point, or of a device."""

    good: bool
    found: str
    """For people: "21.5 °C", "on", "not heard for 3 hours"."""
    value: Value | None = None
    rssi_dbm: float | None = None


class Site(Protocol):
    """What a walk needs of the gateway."""

    name: str

    def devices(self, area: str) -> Sequence[Walked]: ...
    def look(self, device: str, point: str) -> Looked: ...
    async def drive(self, device: str, point: str, value: Value, actor: Actor) -> Looked:
        """Command the point; what it, and its proof, then say. A SluisError when it is refused or not confirmed."""


class Records(Protocol):
    """Where walks are kept."""

    async def walks(self) -> Sequence[Walk]: ...
    async def walk(self, walk_id: str) -> tuple[Walk, str] | None: ...
    async def save_walk(self, walk: Walk, certificate: str = "") -> None: ...
    async def remove_walk(self, walk_id: str) -> None: ...


def planned(site: Site, area: str) -> Iterator[WalkStep]:
    """The steps of an area: each device is heard, each value of first interest is looked at, each control is driven."""
    for device in site.devices(area):
        yield WalkStep(device.key, "")
        for point in device.points:
            if point.category or point.kind is Kind.TRIGGER:
                continue
            drive = tuple(_there_and_back(point, site.look(device.key, point.key).value)) if point.writable else ()
            yield WalkStep(device.key, point.key, drive)


def _there_and_back(point: Point, now: Value | None) -> Iterable[Value]:
    """Where to drive a point, ending where it was. Nowhere when that is not known: nothing is left changed."""
    if point.kind is Kind.SWITCH:
        return (not now, bool(now)) if isinstance(now, bool) else (True, False)
    if point.kind is Kind.CHOICE and now in point.options and len(point.options) > 1:
        other = point.options[(point.options.index(str(now)) + 1) % len(point.options)]
        return (other, str(now))
    if point.kind is not Kind.NUMBER or isinstance(now, bool) or not isinstance(now, int | float):
        return ()
    if point.minimum is None or point.maximum is None or not point.minimum <= now <= point.maximum:
        return ()
    step = point.step or (point.maximum - point.minimum) / 10
    there = now + step if now + step <= point.maximum else now - step
    return (there, now) if point.minimum <= there <= point.maximum else ()


class Walks:
    """All walks of a gateway. One change at a time, so that two phones do not undo each other's ticks."""

    def __init__(self, site: Site, records: Records, clock: Clock, seal: Callable[[Certificate], str]) -> None:
        self._site = site
        self._records = records
        self._clock = clock
        self._seal = seal
        self._one = asyncio.Lock()
        self._trying: set[tuple[str, int]] = set()

    async def walks(self) -> Sequence[Walk]:
        """The newest first."""
        return await self._records.walks()

    async def walk(self, walk_id: str) -> tuple[Walk, str]:
        """(walk, its certificate or ""). NotFound when there is none."""
        held = await self._records.walk(walk_id)
        if held is None:
            raise NotFound(f"there is no walk {walk_id!r}")
        return held

    async def begin(self, area: str, actor: Actor, repeat: str = "") -> Walk:
        """A new walk through an area, or one that repeats a signed one and names it.

        ProvisionError when there is nothing to check.
        """
        before = ""
        if repeat:
            earlier, note = await self.walk(repeat)
            if not note:
                raise ProvisionError("a walk that is not signed cannot be repeated", hint="Sign it first, or go on.")
            area, before = earlier.area, print_in(note)
        steps = tuple(planned(self._site, area))
        if not steps:
            raise ProvisionError(f"there is no device in {area!r}", hint="Put devices in the area first.")
        now_us = self._clock.stamp().at_us
        walk = Walk(f"{now_us:014x}{secrets.token_hex(2)}", area, actor.name, now_us, steps, before=before)
        await self._records.save_walk(walk)
        return walk

    async def attempt(self, walk_id: str, number: int, actor: Actor) -> Walk:
        """Let the gateway do a step: look, or drive there and back. ProvisionError while it is being done already."""
        walk = await self._open(walk_id)
        step = _step(walk, number)
        if (walk_id, number) in self._trying:
            raise ProvisionError("this step is being tried right now", hint="Wait until it is done.")
        self._trying.add((walk_id, number))
        try:
            done = await self._done(step, actor)
        finally:
            self._trying.discard((walk_id, number))
        return await self._put(walk_id, number, lambda held: replace(done, note=held.note))

    async def judge(self, walk_id: str, number: int, outcome: Outcome, note: str, actor: Actor) -> Walk:
        """What the person saw."""
        at_us = self._clock.stamp().at_us
        return await self._put(
            walk_id,
            number,
            lambda held: replace(held, outcome=outcome, note=note.strip()[:500], by=actor.name, at_us=at_us),
        )

    async def sign(self, walk_id: str, actor: Actor) -> str:
        """Close the walk: its certificate. ProvisionError while steps are open."""
        async with self._one:
            walk = await self._open(walk_id)
            left = sum(step.outcome is Outcome.OPEN for step in walk.steps)
            if left:
                raise ProvisionError(f"{left} steps are open", hint="Do them, or say that they are not done, and why.")
            signed = replace(walk, technician=actor.name, signed_at_us=self._clock.stamp().at_us)
            note = self._seal(self.certificate(signed))
            await self._records.save_walk(signed, note)
            return note

    async def drop(self, walk_id: str) -> None:
        """Forget a walk that was not signed."""
        await self._open(walk_id)
        await self._records.remove_walk(walk_id)

    def certificate(self, walk: Walk) -> Certificate:
        """What a walk certifies."""
        known = {device.key: device for device in self._site.devices(walk.area)}
        checks = tuple(_check(step, known.get(step.device)) for step in walk.steps)
        return Certificate(
            self._site.name, walk.area, walk.technician, walk.begun_at_us, walk.signed_at_us, checks, walk.before
        )

    async def _open(self, walk_id: str) -> Walk:
        walk, _ = await self.walk(walk_id)
        if walk.signed_at_us:
            raise ProvisionError("this walk is signed and cannot be changed", hint="Repeat it as a new one.")
        return walk

    async def _put(self, walk_id: str, number: int, change: Callable[[WalkStep], WalkStep]) -> Walk:
        async with self._one:
            walk = await self._open(walk_id)
            steps = list(walk.steps)
            steps[number] = change(_step(walk, number))
            walk = replace(walk, steps=tuple(steps))
            await self._records.save_walk(walk)
            return walk

    async def _done(self, step: WalkStep, actor: Actor) -> WalkStep:
        try:
            seen = await self._driven(step, actor) if step.drive else [self._site.look(step.device, step.point)]
        except SluisError as error:
            seen = [Looked(False, str(error))]
        return replace(
            step,
            outcome=Outcome.PASSED if all(one.good for one in seen) else Outcome.FAILED,
            expected=", ".join(map(_word, step.drive)),
            found=", ".join(one.found for one in seen)[:500],
            by=actor.name,
            at_us=self._clock.stamp().at_us,
            rssi_dbm=seen[-1].rssi_dbm,
        )

    async def _driven(self, step: WalkStep, actor: Actor) -> list[Looked]:
        """There and back; back also when there failed, so that a light is not left burning."""
        *there, back = step.drive
        try:
            seen = [await self._site.drive(step.device, step.point, value, actor) for value in there]
        except SluisError:
            await _whatever(self._site.drive(step.device, step.point, back, actor))
            raise
        return [*seen, await self._site.drive(step.device, step.point, back, actor)]


async def _whatever(work: Awaitable[object]) -> None:
    try:
        await work
    except SluisError:
        return


def _step(walk: Walk, number: int) -> WalkStep:
    if not 0 <= number < len(walk.steps):
        raise NotFound(f"the walk has no step {number}")
    return walk.steps[number]


def _word(value: Value) -> str:
    return (
        ("on" if value else "off")
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value}"
    )


def _check(step: WalkStep, device: Walked | None) -> Check:
    name = device.name if device else step.device
    point = next((one for one in device.points if one.key == step.point), None) if device else None
    what = (point.name or point.key.replace("_", " ")) if point else (step.point or "is heard")
    result = Result(step.outcome) if step.outcome is not Outcome.OPEN else Result.SKIPPED
    check = Check(step.device, name, what, result, step.at_us, step.expected, step.found, step.note)
    check = replace(check, rssi_dbm=step.rssi_dbm, by=step.by)
    return replace(check, model=device.model, serial=device.serial, firmware=device.firmware) if device else check
