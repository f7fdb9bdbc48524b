"""Site walks on the phone: go through an area's devices, let each point be tried, judge it, sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from sluis.model import Actor, SluisError
from sluis.model.papers import Outcome, Walk, WalkStep
from sluis.panel.api.papers import PDF, walk_for
from sluis.panel.auth import HouseDep
from sluis.panel.i18n import N_, Tongue
from sluis.panel.pages.devices import Text, holds_in
from sluis.panel.pages.guards import Technician
from sluis.panel.pages.render import page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import label_of
from sluis.panel.ports import House

router = APIRouter()

Note = Annotated[str, Form(max_length=500)]
Seen = Annotated[Outcome, Form()]
Pictures = Annotated[list[UploadFile], File()]
NONE: list[UploadFile] = []
"""FastAPI copies a default before it hands it in."""

OUTCOMES = {
    Outcome.OPEN: ("unknown", N_("open")),
    Outcome.PASSED: ("ok", N_("good")),
    Outcome.FAILED: ("alarm", N_("not good")),
    Outcome.SKIPPED: ("attention", N_("not done")),
}
"""By outcome: sign, word."""

SAID = {
    "on": N_("on"),
    "off": N_("off"),
    "online": N_("online"),
    "nothing was reported yet": N_("nothing was reported yet"),
}
"""What the gateway writes down of a step, where that is words and not a number."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step, ready to draw."""

    number: int
    label: str
    step: WalkStep
    expected: str
    found: str

    @property
    def sign(self) -> str:
        return OUTCOMES[self.step.outcome][0]

    @property
    def word(self) -> str:
        return OUTCOMES[self.step.outcome][1]


@dataclass(frozen=True, slots=True)
class Stop:
    """One device on the way, with its steps."""

    key: str
    name: str
    rssi_dbm: float | None
    steps: tuple[StepView, ...]

    @property
    def open(self) -> int:
        return sum(one.step.outcome is Outcome.OPEN for one in self.steps)


@router.get("/walks", include_in_schema=False)
async def walks(request: Request, house: HouseDep, actor: Technician) -> Response:
    """Walks under way and those that were signed; begin one."""
    held = [one for one in await house.papers.walks.walks() if actor.areas is None or one.area in actor.areas]
    areas = [one for one in house.register.areas() if actor.areas is None or one in actor.areas]
    return await page(
        request,
        "walks.html",
        section="walks",
        under_way=[one for one in held if not one.signed_at_us],
        signed=[one for one in held if one.signed_at_us],
        open_steps={one.id: sum(step.outcome is Outcome.OPEN for step in one.steps) for one in held},
        failed={one.id: sum(step.outcome is Outcome.FAILED for step in one.steps) for one in held},
        areas=areas,
    )


@router.post("/walks", include_in_schema=False)
async def begin(house: HouseDep, actor: Technician, area: Text = "", repeat: Text = "") -> Response:
    """A new walk, or an earlier one again."""
    area = (await walk_for(house, actor, repeat)).area if repeat else area
    holds_in(actor, area)
    try:
        walk = await house.papers.walks.begin(area, actor, repeat)
    except SluisError as error:
        return then("/walks", Toast("refused", {"why": str(error)}))
    return then(f"/walks/{walk.id}")


@router.get("/walks/{walk_id}", include_in_schema=False)
async def one_walk(
    walk_id: str, request: Request, house: HouseDep, actor: Technician, order: Literal["name", "signal"] = "name"
) -> Response:
    """The checklist of a walk; `order=signal` puts what is heard best first."""
    walk = await walk_for(house, actor, walk_id)
    more = _drawn(request, house, walk, order)
    if "hx-request" in request.headers:
        return part(request, "parts/walk.html", **more)
    return await page(request, "walk.html", section="walks", **more)


def _drawn(request: Request, house: House, walk: Walk, order: str, problem: str = "") -> dict[str, Any]:
    stops = _stops(house, walk, speech_of(request))
    if order == "signal":
        stops.sort(key=lambda one: (one.rssi_dbm is None, -(one.rssi_dbm or 0.0)))
    done = sum(step.outcome is not Outcome.OPEN for step in walk.steps)
    return {
        "walk": walk,
        "stops": stops,
        "order": order,
        "done": done,
        "left": len(walk.steps) - done,
        "problem": problem,
    }


def _stops(house: House, walk: Walk, speech: Tongue) -> list[Stop]:
    by_device: dict[str, list[StepView]] = {}
    for number, step in enumerate(walk.steps):
        by_device.setdefault(step.device, []).append(_step_view(house, number, step, speech))
    known = {one.key: one for one in house.register.devices()}
    return [
        Stop(
            key,
            known[key].label if key in known else key,
            _heard_dbm(house, key) if key in known else None,
            tuple(steps),
        )
        for key, steps in by_device.items()
    ]


def _step_view(house: House, number: int, step: WalkStep, speech: Tongue) -> StepView:
    point = _points(house, step.device).get(step.point)
    label = label_of(point, speech) if point else step.point or speech(N_("Is it heard?"))
    return StepView(number, label, step, _told(step.expected, speech), _told(step.found, speech))


def _points(house: House, device: str) -> Any:
    try:
        return house.register.points(device)
    except SluisError:
        return {}


def _told(said: str, speech: Tongue) -> str:
    return ", ".join(speech(SAID[one]) if one in SAID else one for one in said.split(", "))


def _heard_dbm(house: House, device: str) -> float | None:
    """How strongly the gateway last heard it; None where the link has no such thing."""
    return next((frame.rssi_dbm for frame, _ in reversed(house.register.frames(device))), None)


# -- going on ---------------------------------------------------------------------------------------------


@router.post("/walks/{walk_id}/steps/{number}/attempt", include_in_schema=False)
async def attempt(
    walk_id: str, number: int, request: Request, house: HouseDep, actor: Technician, order: Text = "name"
) -> Response:
    """Let the gateway do one step."""
    walk = await walk_for(house, actor, walk_id)
    return await _tried(request, house, walk, [number], actor, order)


@router.post("/walks/{walk_id}/devices/{key}/attempt", include_in_schema=False)
async def attempt_device(
    walk_id: str, key: str, request: Request, house: HouseDep, actor: Technician, order: Text = "name"
) -> Response:
    """All steps of a device that are open or failed, one after the other."""
    walk = await walk_for(house, actor, walk_id)
    again = (Outcome.OPEN, Outcome.FAILED)
    numbers = [at for at, step in enumerate(walk.steps) if step.device == key and step.outcome in again]
    return await _tried(request, house, walk, numbers, actor, order)


async def _tried(
    request: Request, house: House, walk: Walk, numbers: Sequence[int], actor: Actor, order: str
) -> Response:
    problem = ""
    for number in numbers:
        try:
            walk = await house.papers.walks.attempt(walk.id, number, actor)
        except SluisError as error:
            problem = str(error)
            break
    return _answer(request, house, walk, order, problem)


@router.post("/walks/{walk_id}/steps/{number}", include_in_schema=False)
async def judge(
    walk_id: str,
    number: int,
    request: Request,
    house: HouseDep,
    actor: Technician,
    outcome: Seen,
    note: Note = "",
    order: Text = "name",
) -> Response:
    """What the person saw."""
    walk = await walk_for(house, actor, walk_id)
    problem = ""
    try:
        walk = await house.papers.walks.judge(walk_id, number, outcome, note, actor)
    except SluisError as error:
        problem = str(error)
    return _answer(request, house, walk, order, problem)


def _answer(request: Request, house: House, walk: Walk, order: str, problem: str) -> Response:
    order = "signal" if order == "signal" else "name"
    if "hx-request" in request.headers:
        return part(request, "parts/walk.html", **_drawn(request, house, walk, order, problem))
    return then(f"/walks/{walk.id}?order={order}", Toast("refused", {"why": problem}) if problem else None)


@router.post("/walks/{walk_id}/sign", include_in_schema=False)
async def sign(walk_id: str, house: HouseDep, actor: Technician) -> Response:
    """Close the walk: it becomes a certificate."""
    walk = await walk_for(house, actor, walk_id)
    try:
        await house.papers.sign_walk(walk_id, actor)
    except SluisError as error:
        return then(f"/walks/{walk_id}", Toast("refused", {"why": str(error)}))
    return then(f"/walks/{walk_id}", Toast("walk-signed", {"name": walk.area}))


@router.post("/walks/{walk_id}/drop", include_in_schema=False)
async def drop(walk_id: str, house: HouseDep, actor: Technician) -> Response:
    """Forget a walk that was not signed."""
    walk = await walk_for(house, actor, walk_id)
    try:
        await house.papers.walks.drop(walk_id)
    except SluisError as error:
        return then(f"/walks/{walk_id}", Toast("refused", {"why": str(error)}))
    return then("/walks", Toast("removed", {"name": walk.area}))


@router.post("/walks/{walk_id}/report", include_in_schema=False)
async def report(
    walk_id: str, request: Request, house: HouseDep, actor: Technician, pictures: Pictures = NONE
) -> Response:
    """The certificate on paper, with the pictures that were chosen."""
    walk = await walk_for(house, actor, walk_id)
    chosen = [(await one.read(), (one.filename or "").rpartition(".")[0]) for one in pictures if one.filename]
    made = await house.papers.report(walk_id, speech_of(request).language, chosen)
    name = quote(f"{walk.area or 'sluis'}-{walk_id}.pdf")
    return Response(made, media_type=PDF, headers={"Content-Disposition": f"inline; filename*=UTF-8''{name}"})
