"""Releases for many nodes: forecast, begun, followed, stopped, undone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field, StringConstraints

from sluis.fleet import WAVES, Bounds, Criteria, Limits, Promise, Rollout, Selection, Window
from sluis.fleet.plan import DAYS
from sluis.panel.api.guards import CanChooseReleases, CanSeeBundles
from sluis.panel.api.shapes import PLAIN, In, Out, Sentence
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere, Invalid
from sluis.panel.ports import House
from sluis.updates import Rollouts, Wish

router = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"])

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
Words = Annotated[tuple[Word, ...], Field(max_length=500)]
RolloutId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["3f2a90b1c4d5"])]


class WindowIn(In):
    """When nodes may be touched, in the site's time."""

    days: Annotated[tuple[str, ...], Field(max_length=7)] = DAYS
    begins: Annotated[str, Field(max_length=5)] = "00:00"
    ends: Annotated[str, Field(max_length=5)] = "24:00"


class RolloutIn(In):
    """What is rolled out, to whom and how. Lists that are empty mean any; all of them must agree."""

    bundle: Word = Field(description="Name of an imported release.")
    areas: Words = ()
    boards: Words = ()
    versions: Words = ()
    nodes: Words = ()
    waves: Annotated[tuple[Word, ...], Field(max_length=20, description="Numbers, shares (`10%`) or `rest`.")] = WAVES
    at_once: Annotated[int, Field(ge=1, le=1000)] = 10
    failures: Annotated[str, Field(max_length=6, description="So many failed pause it: a number, or `20%`.")] = "1"
    soak_s: Annotated[float, Field(ge=0, le=30 * 86_400)] = 600.0
    silence_s: Annotated[float, Field(ge=30, le=7 * 86_400)] = 900.0
    windows: Annotated[tuple[WindowIn, ...], Field(max_length=20)] = ()
    promise_free_bytes: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    promise_every_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0


class NewRollout(RolloutIn):
    reason: Sentence = ""


class Why(In):
    reason: Sentence = ""


class LeftOutOut(Out):
    node: str
    code: str = Field(description="`offline`, `signal`, `space`, `runtime`, `rollback`, `board` and the like.")


class ForecastOut(Out):
    """What would be done."""

    waves: list[list[str]] = Field(description="Numbers of the nodes.")
    seconds: list[float] = Field(description="Of each wave, its soak included.")
    left_out: list[LeftOutOut]


class MemberOut(Out):
    node: str
    wave: int
    step: str
    failed: str = Field(description="Code of why it counts as failed.")
    why: str
    percent: int
    version_before: str


class RolloutOut(Out):
    """How a rollout stands."""

    id: str
    bundle: str
    version: str
    by: str
    begun_at_us: int
    ended_at_us: int
    phase: str = Field(description="`running`, `paused`, `returning`, `done`, `aborted` or `undone`.")
    why: str = Field(description="`person` or `failures`, of a pause.")
    wave: int
    waves: list[int] = Field(description="Sizes.")
    soaking: bool
    window_open: bool
    counts: dict[str, int] = Field(description="Nodes by their step.")
    failed: int
    left_out: list[LeftOutOut]


class RolloutDetailOut(RolloutOut):
    members: list[MemberOut]


@router.get("")
async def list_rollouts(house: HouseDep, actor: CanSeeBundles) -> list[RolloutOut]:
    """The newest first."""
    everywhere(actor)
    return [RolloutOut(**told(one)) for one in rollouts_of(house).all()]


@router.post("/forecast")
async def forecast_rollout(house: HouseDep, actor: CanSeeBundles, wish: RolloutIn) -> ForecastOut:
    """Who would get it in which wave, who would not and why, and how long it takes. Changes nothing."""
    everywhere(actor)
    try:
        plan, told_, _ = await rollouts_of(house).plan(wish_of(wish))
    except ValueError as error:
        raise Invalid(str(error)) from error
    left_out = [LeftOutOut(node=key, code=code) for key, code in plan.left_out]
    return ForecastOut(waves=[list(wave) for wave in plan.waves], seconds=list(told_.seconds), left_out=left_out)


@router.post("", status_code=201)
async def begin_rollout(house: HouseDep, actor: CanChooseReleases, wish: NewRollout) -> RolloutDetailOut:
    """Begin it. Nodes that an older rollout has go over to this one."""
    everywhere(actor)
    try:
        made = await rollouts_of(house).begin(wish_of(wish), actor, reason=wish.reason)
    except ValueError as error:
        raise Invalid(str(error)) from error
    return _detail(made)


@router.get("/{rollout}")
async def get_rollout(house: HouseDep, actor: CanSeeBundles, rollout: RolloutId) -> RolloutDetailOut:
    """With every node: which step, and why it waits."""
    everywhere(actor)
    return _detail(rollouts_of(house).rollout(rollout))


@router.post("/{rollout}/{what}")
async def ask_rollout(
    house: HouseDep,
    actor: CanChooseReleases,
    rollout: RolloutId,
    what: Literal["pause", "resume", "retry", "abort", "undo"],
    why: Why,
) -> RolloutDetailOut:
    """Pause, go on, try the failed again, end it (what is not confirmed goes back), or bring all back."""
    everywhere(actor)
    return _detail(await rollouts_of(house).ask(rollout, what, actor, reason=why.reason))


def rollouts_of(house: House) -> Rollouts:
    if house.rollouts is None:
        raise BrokerElsewhere
    return house.rollouts


def wish_of(told: RolloutIn) -> Wish:
    """ValueError for what cannot be meant."""
    return Wish(
        bundle=told.bundle,
        to=Selection(
            areas=told.areas,
            boards=told.boards,
            versions=told.versions,
            keys=told.nodes,
        ),
        waves=told.waves,
        criteria=Criteria(soak_s=told.soak_s),
        promise=Promise(free_bytes=told.promise_free_bytes, every_s=told.promise_every_s),
        limits=Limits(at_once=told.at_once, silence_s=told.silence_s, failures=told.failures),
        bounds=Bounds(),
        windows=tuple(Window(days=one.days, begins=one.begins, ends=one.ends) for one in told.windows),
    )


def told(one: Rollout) -> dict[str, Any]:
    """As it is shown everywhere."""
    return {
        "id": one.plan.id,
        "bundle": one.plan.release.name,
        "version": one.plan.release.version,
        "by": one.by,
        "begun_at_us": int(one.begun_s * 1e6),
        "ended_at_us": int(one.ended_s * 1e6),
        "phase": str(one.phase),
        "why": one.why,
        "wave": one.wave + 1,
        "waves": [len(wave) for wave in one.plan.waves],
        "soaking": one.soak_since_s is not None,
        "window_open": one.open,
        "counts": one.counts,
        "failed": one.failed,
        "left_out": [LeftOutOut(node=key, code=code) for key, code in one.plan.left_out],
    }


def _detail(one: Rollout) -> RolloutDetailOut:
    members = [
        MemberOut(
            node=key,
            wave=member.wave + 1,
            step=str(member.step),
            failed=member.failed,
            why=member.why,
            percent=member.percent,
            version_before=member.version_before,
        )
        for key, member in one.members.items()
    ]
    return RolloutDetailOut(**told(one), members=members)
