"""What is printed and signed: labels, instruction cards, site walks and their certificates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile
from pydantic import Field

from sluis.model import Actor, Device, DeviceState, Role
from sluis.model.papers import Outcome, Walk
from sluis.panel.api.guards import CanAdopt, CanInspect, CanManageNodes, CanSee
from sluis.panel.api.nodes import NodeId, nodes_of
from sluis.panel.api.shapes import DeviceKey, In, Key, Name, Out, Sentence
from sluis.panel.auth import HouseDep, device_for, everywhere, sees
from sluis.panel.errors import Invalid, NotPermitted
from sluis.panel.ports import House
from sluis.panel.problems import MEDIA_TYPE

router = APIRouter(prefix="/api/v1", tags=["papers"])

Language = Literal["nl", "en"]
WalkId = Annotated[str, Path(min_length=1, max_length=40, pattern=r"^[0-9a-f]+$")]
StepNumber = Annotated[int, Path(ge=0, le=10_000, description="Which step, from 0.")]

LABELS_MOST = 1_000
"""Labels in one file: sixteen sheets of the smallest. More is a mistake, and keeps a small machine busy for long."""

PDF, PNG, NOTE = "application/pdf", "image/png", "text/plain; charset=utf-8"


CANNOT: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "It does not fit on these labels, or the walk is not signed yet.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def _gives(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}}}}


class CardOut(Out):
    """An instruction card."""

    device: str
    language: str
    text: str = Field(description="Markdown.")
    by: str = Field(description="Who wrote it; empty for the version that is made from what the device offers.")
    at_us: int


class CardText(In):
    """A card's new text."""

    text: Annotated[str, Field(max_length=20_000, description="Markdown, at most 4,000 characters.")]


class OpenArea(In):
    """Whether an area's cards may be read without an account."""

    area: Name
    open: bool


class StepOut(Out):
    """One step of a walk."""

    device: str
    point: str = Field(description="Empty for the device itself: is it heard.")
    drive: tuple[bool | int | float | str, ...] = Field(description="What the point is driven to; empty: only look.")
    outcome: str
    expected: str
    found: str
    note: str
    by: str
    at_us: int
    rssi_dbm: float | None


class WalkOut(Out):
    """A site walk."""

    id: str
    area: str
    technician: str
    begun_at_us: int
    signed_at_us: int = Field(description="0 while it is under way.")
    before: str = Field(description="Print of the certificate that this walk repeats.")
    steps: list[StepOut]


class NewWalk(In):
    """Where to walk."""

    area: Annotated[str, Field(max_length=120)] = ""
    repeat: Annotated[str, Field(max_length=40, description="A signed walk to repeat, instead of an area.")] = ""


class Judgement(In):
    """What the person saw."""

    outcome: Literal["open", "passed", "failed", "skipped"]
    note: Sentence = ""


@router.get("/label-stock")
async def list_label_stock(house: HouseDep, actor: CanSee) -> dict[str, str]:
    """Sheets and labels that can be printed on, by key."""
    return {**house.papers.sheets(), **house.papers.tapes()}


@router.get("/devices/{device}/label", response_class=Response, responses=_gives(PNG) | CANNOT)
async def get_label(
    house: HouseDep, actor: CanSee, device: DeviceKey, request: Request, tape: Key = "brother-62x29"
) -> Response:
    """One label for a label printer, as a PNG at its resolution."""
    found = device_for(house, actor, device)
    return Response(await house.papers.label(found, tape, str(request.base_url)), media_type=PNG)


@router.get("/nodes/{node}/label", response_class=Response, responses=_gives(PNG) | CANNOT)
async def get_node_label(
    house: HouseDep, actor: CanManageNodes, node: NodeId, request: Request, tape: Key = "brother-62x29"
) -> Response:
    """The label of a board that is not in use yet, as a PNG. Whoever scans it may take the node into use, once."""
    everywhere(actor)
    nodes = nodes_of(house)
    found, code = await nodes.node(node), await nodes.setup_code(node)
    return Response(await house.papers.node_label(found, code, tape, str(request.base_url)), media_type=PNG)


@router.get("/labels", response_class=Response, responses=_gives(PDF) | CANNOT)
async def get_labels(
    house: HouseDep,
    actor: CanSee,
    request: Request,
    device: Annotated[list[Key], Query(max_length=LABELS_MOST)] = [],  # noqa: B006  (FastAPI copies it)
    area: Annotated[str, Query(max_length=120)] = "",
    sheet: Key = "l7160",
    skip: Annotated[int, Query(ge=0, le=1_000, description="Labels of the first sheet that are used up.")] = 0,
    copies: Annotated[int, Query(ge=1, le=100)] = 1,
) -> Response:
    """Labels of devices, or of all devices of an area, on sheets: a PDF."""
    found = [device_for(house, actor, key) for key in device] or in_area(house, actor, area)
    if len(found) * copies > LABELS_MOST:
        raise Invalid(f"device: at most {LABELS_MOST} labels in one file")
    made = await house.papers.labels(found, sheet, str(request.base_url), skip=skip, copies=copies)
    return Response(made, media_type=PDF)


@router.get("/devices/{device}/card")
async def get_card(house: HouseDep, actor: CanSee, device: DeviceKey, language: Language = "nl") -> CardOut:
    """The instruction card of a device."""
    return CardOut.model_validate(await house.papers.card(device_for(house, actor, device), language))


@router.get("/devices/{device}/card.pdf", response_class=Response, responses=_gives(PDF))
async def print_card(
    house: HouseDep, actor: CanSee, device: DeviceKey, request: Request, language: Language = "nl"
) -> Response:
    """The card on paper, with a code that leads to it."""
    found = device_for(house, actor, device)
    return Response(await house.papers.card_pdf(found, language, str(request.base_url)), media_type=PDF)


@router.put("/devices/{device}/card")
async def write_card(
    house: HouseDep, actor: CanAdopt, device: DeviceKey, wish: CardText, language: Language = "nl"
) -> CardOut:
    """Write the card oneself."""
    found = device_for(house, actor, device, Role.TECHNICIAN)
    return CardOut.model_validate(await house.papers.write_card(found, language, wish.text, actor))


@router.delete("/devices/{device}/card")
async def reset_card(house: HouseDep, actor: CanAdopt, device: DeviceKey, language: Language = "nl") -> CardOut:
    """Back to the card that is made from what the device offers."""
    found = device_for(house, actor, device, Role.TECHNICIAN)
    return CardOut.model_validate(await house.papers.reset_card(found, language, actor))


@router.get("/open-areas")
async def list_open_areas(house: HouseDep, actor: CanInspect) -> list[str]:
    """Areas whose cards may be read without an account, by whoever scans a label."""
    return sorted(area for area in await house.papers.open_areas() if actor.areas is None or area in actor.areas)


@router.put("/open-areas")
async def set_open_area(house: HouseDep, actor: CanAdopt, wish: OpenArea) -> list[str]:
    """Open or close an area's cards."""
    _holds(actor, wish.area)
    await house.papers.set_open(wish.area, wish.open, actor)
    return await list_open_areas(house, actor)


@router.get("/walks")
async def list_walks(house: HouseDep, actor: CanInspect) -> list[WalkOut]:
    """Site walks, the newest first."""
    return [WalkOut.model_validate(one) for one in await house.papers.walks.walks() if _may(actor, one.area)]


@router.post("/walks", status_code=201)
async def begin_walk(house: HouseDep, actor: CanAdopt, wish: NewWalk) -> WalkOut:
    """Begin a walk through an area: what is to be checked follows from what its devices offer."""
    area = (await walk_for(house, actor, wish.repeat)).area if wish.repeat else wish.area
    _holds(actor, area)
    return WalkOut.model_validate(await house.papers.walks.begin(area, actor, wish.repeat))


@router.get("/walks/{walk}")
async def get_walk(house: HouseDep, actor: CanInspect, walk: WalkId) -> WalkOut:
    """One walk with its steps."""
    return WalkOut.model_validate(await walk_for(house, actor, walk))


@router.delete("/walks/{walk}", status_code=204)
async def drop_walk(house: HouseDep, actor: CanAdopt, walk: WalkId) -> None:
    """Forget a walk that was not signed."""
    await walk_for(house, actor, walk)
    await house.papers.walks.drop(walk)


@router.post("/walks/{walk}/steps/{number}/attempt")
async def attempt_step(house: HouseDep, actor: CanAdopt, walk: WalkId, number: StepNumber) -> WalkOut:
    """Let the gateway do a step: look at the point, or drive it there and back."""
    await walk_for(house, actor, walk)
    return WalkOut.model_validate(await house.papers.walks.attempt(walk, number, actor))


@router.put("/walks/{walk}/steps/{number}")
async def judge_step(house: HouseDep, actor: CanAdopt, walk: WalkId, number: StepNumber, wish: Judgement) -> WalkOut:
    """Say what was seen."""
    await walk_for(house, actor, walk)
    outcome = Outcome(wish.outcome)
    return WalkOut.model_validate(await house.papers.walks.judge(walk, number, outcome, wish.note, actor))


@router.post("/walks/{walk}/sign", response_class=Response, responses=_gives(NOTE))
async def sign_walk(house: HouseDep, actor: CanAdopt, walk: WalkId) -> Response:
    """Sign a walk without open steps: its certificate."""
    await walk_for(house, actor, walk)
    return Response(await house.papers.sign_walk(walk, actor), media_type=NOTE)


@router.get("/walks/{walk}/certificate", response_class=Response, responses=_gives(NOTE) | CANNOT)
async def get_certificate(house: HouseDep, actor: CanInspect, walk: WalkId) -> Response:
    """The certificate of a signed walk; empty while it is not signed."""
    await walk_for(house, actor, walk)
    _, note = await house.papers.walks.walk(walk)
    return Response(note, media_type=NOTE)


@router.post("/walks/{walk}/report", response_class=Response, responses=_gives(PDF))
async def print_report(
    house: HouseDep,
    actor: CanInspect,
    walk: WalkId,
    language: Language = "nl",
    pictures: Annotated[list[UploadFile], File(description="JPEG or PNG; their names become captions.")] = [],  # noqa: B006
) -> Response:
    """The certificate on paper, with pictures if there are any."""
    await walk_for(house, actor, walk)
    shown = [(await one.read(), (one.filename or "").rpartition(".")[0]) for one in pictures]
    return Response(await house.papers.report(walk, language, shown), media_type=PDF)


def in_area(house: House, actor: Actor, area: str) -> list[Device]:
    """Devices in use that the actor may see, of an area or of all; by area and name."""
    found = [one for one in house.register.devices(DeviceState.ADOPTED) if sees(actor, one)]
    return sorted((one for one in found if not area or one.area == area), key=lambda one: (one.area, one.label))


async def walk_for(house: House, actor: Actor, walk_id: str) -> Walk:
    """A walk, if the actor's rights hold in its area."""
    walk, _ = await house.papers.walks.walk(walk_id)
    _holds(actor, walk.area)
    return walk


def _may(actor: Actor, area: str) -> bool:
    return actor.areas is None or area in actor.areas


def _holds(actor: Actor, area: str) -> None:
    if not _may(actor, area):
        raise NotPermitted(f"you have no rights in {area or 'the whole building'}")
