"""Rollouts: begin one after its forecast, see how each node does and why it waits, stop it, bring it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from sluis.fleet import Forecast, Limits, Member, Phase, Plan, Rollout, Selection, Step
from sluis.fleet.plan import Criteria
from sluis.model import SluisError
from sluis.panel.api.rollouts import rollouts_of
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.i18n import N_
from sluis.panel.pages.guards import NodeKeeper, Updater
from sluis.panel.pages.render import page, part
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House
from sluis.updates import Wish

router = APIRouter()

Name = Annotated[str, Form(min_length=1, max_length=200)]
Areas = Annotated[list[str], Form(max_length=500)]
Picked = Annotated[list[str], Query(max_length=500)]
NOBODY: list[str] = []
"""FastAPI copies a default before it hands it in."""

PHASES = {
    Phase.RUNNING: ("wait", N_("under way")),
    Phase.PAUSED: ("attention", N_("paused")),
    Phase.RETURNING: ("wait", N_("goes back")),
    Phase.DONE: ("ok", N_("done")),
    Phase.ABORTED: ("unknown", N_("ended")),
    Phase.UNDONE: ("unknown", N_("brought back")),
}
"""By phase: sign, word."""

STEPS = {
    Step.WAITING: ("unknown", N_("waits for its turn")),
    Step.OFFERED: ("wait", N_("was asked")),
    Step.FETCHING: ("wait", N_("fetches it")),
    Step.TRIAL: ("wait", N_("tries it")),
    Step.DONE: ("ok", N_("runs it")),
    Step.RETURNING: ("wait", N_("goes back")),
    Step.BACK: ("unknown", N_("runs what it had")),
    Step.LEFT: ("unknown", N_("was left as it is")),
    Step.LOST: ("alarm", N_("says nothing")),
}

WHY = {
    "went-back": N_("went back by itself"),
    "failed": N_("could not be updated"),
    "refused": N_("refused it"),
    "silent": N_("fell silent"),
    "unhealthy": N_("is not well"),
    "alerts": N_("has more alerts than before"),
    "promise": N_("does not keep what the update promises"),
    "too-long": N_("took too long"),
    "no-way-back": N_("cannot go back"),
    "superseded": N_("has gone over to a newer rollout"),
    "offline": N_("is out of reach"),
    "battery": N_("has a weak battery"),
    "signal": N_("is heard too weakly"),
    "space": N_("has too little room"),
    "runtime": N_("needs a newer MicroPython, by cable"),
    "board": N_("is another kind of board"),
    "rollback": N_("has left this version behind"),
    "step-missing": N_("needs another version first"),
    "rollout": N_("is in another rollout"),
    "not-offered": N_("is not offered this version by its maker"),
}
"""By code: of those that failed, and of those that are left out."""


@dataclass(frozen=True, slots=True)
class MemberView:
    """One node, ready to draw."""

    name: str
    href: str
    member: Member
    sign: str
    word: str
    failed: str


@dataclass(frozen=True, slots=True)
class RolloutView:
    """One rollout, ready to draw."""

    rollout: Rollout
    sign: str
    word: str
    done: int
    failed: int
    total: int
    left_out: tuple[tuple[str, str], ...]
    """Name and reason."""

    @property
    def id(self) -> str:
        return self.rollout.plan.id

    @property
    def begun_at_us(self) -> int:
        return int(self.rollout.begun_s * 1e6)


def _view(house: House, one: Rollout) -> RolloutView:
    members = list(one.members.values())
    sign, word = PHASES[one.phase]
    done = sum(member.step is Step.DONE for member in members)
    left_out = tuple((_named(house, key)[0], WHY.get(code, code)) for key, code in one.plan.left_out)
    return RolloutView(one, sign, word, done, one.failed, len(members), left_out)


def _members(house: House, one: Rollout) -> list[list[MemberView]]:
    """By wave."""
    return [[_member(house, key, one.members[key]) for key in wave] for wave in one.plan.waves]


def _member(house: House, key: str, member: Member) -> MemberView:
    sign, word = STEPS[member.step]
    name, href = _named(house, key)
    why = WHY["superseded"] if member.given_up else WHY.get(member.failed, member.failed)
    return MemberView(name, href, member, "alarm" if member.failed else sign, word, why)


def _named(house: House, node_id: str) -> tuple[str, str]:
    device = house.nodes.device(node_id) if house.nodes is not None else None
    return (device.label, f"/devices/{quote(device.key, safe='')}") if device else (node_id, "")


@router.get("/rollouts", include_in_schema=False)
async def rollouts(
    request: Request, house: HouseDep, actor: NodeKeeper, bundle: str = "", area: Picked = NOBODY
) -> Response:
    """All of them, and what a new one would do."""
    everywhere(actor)
    held = rollouts_of(house)
    plan: Plan | None = None
    told: Forecast | None = None
    error: SluisError | None = None
    if bundle:
        try:
            plan, told, _ = await held.plan(Wish(bundle=bundle, to=Selection(areas=tuple(area))))
        except SluisError as refused:
            error = refused
    bundles = [one for one in await house.supply.bundles() if one.state == "ready"]
    return await page(
        request,
        "rollouts.html",
        section="system",
        rollouts=[_view(house, one) for one in held.all()],
        bundles=bundles,
        bundle=bundle,
        areas=sorted({one.area for one in house.register.devices() if one.area}),
        chosen=area,
        plan=plan,
        waves=[[_named(house, key)[0] for key in wave] for wave in plan.waves] if plan else [],
        left_out=[(_named(house, key)[0], WHY.get(code, code)) for key, code in plan.left_out] if plan else [],
        minutes=round(sum(told.seconds) / 60) if told else 0,
        problem=error,
    )


@router.post("/rollouts", include_in_schema=False)
async def begin(
    house: HouseDep,
    actor: Updater,
    bundle: Name,
    areas: Areas = NOBODY,
    at_once: Annotated[int, Form(ge=1, le=1000)] = 10,
    failures: Annotated[str, Form(pattern=r"^[0-9]{1,5}%?$")] = "1",
    soak_min: Annotated[float, Form(ge=0, le=40_000)] = 10,
) -> Response:
    """Begin what the forecast showed."""
    everywhere(actor)
    try:
        wish = Wish(
            bundle=bundle,
            to=Selection(areas=tuple(areas)),
            criteria=Criteria(soak_s=soak_min * 60),
            limits=Limits(at_once=at_once, failures=failures),
        )
        made = await rollouts_of(house).begin(wish, actor)
    except (SluisError, ValueError) as error:
        return then("/rollouts", Toast("refused", {"why": str(error)}))
    return then(f"/rollouts/{made.plan.id}", Toast("rollout-begun", {"name": made.plan.release.name}))


@router.get("/rollouts/{rollout_id}", include_in_schema=False)
async def rollout(
    request: Request, house: HouseDep, actor: NodeKeeper, rollout_id: str, live: bool = False
) -> Response:
    """Who, which step, and why it waits."""
    everywhere(actor)
    one = rollouts_of(house).rollout(rollout_id)
    drawn: dict[str, Any] = {"one": _view(house, one), "waves": _members(house, one)}
    if live:
        return part(request, "parts/rollout.html", **drawn)
    return await page(request, "rollout.html", section="system", **drawn)


@router.post("/rollouts/{rollout_id}/{what}", include_in_schema=False)
async def ask(
    house: HouseDep, actor: Updater, rollout_id: str, what: Literal["pause", "resume", "retry", "abort", "undo"]
) -> Response:
    """Stop it, go on, bring it back."""
    everywhere(actor)
    where = f"/rollouts/{quote(rollout_id, safe='')}"
    try:
        await rollouts_of(house).ask(rollout_id, what, actor)
    except SluisError as error:
        return then(where, Toast("refused", {"why": str(error)}))
    return then(where)
