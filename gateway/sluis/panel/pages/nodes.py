"""What is wired to a node: its parts as forms, checked here before they are sent, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import Actor, Device, NotFound, SluisError
from sluis.model.nodes import Node
from sluis.model.wiring import Trial, WrongWiring
from sluis.panel.api.nodes import nodes_of
from sluis.panel.api.wiring import wiring_of
from sluis.panel.auth import HouseDep, device_for, everywhere
from sluis.panel.pages import node_draft as drafts
from sluis.panel.pages import node_words, site
from sluis.panel.pages.guards import NodeKeeper
from sluis.panel.pages.node_draft import Json
from sluis.panel.pages.node_form import Drawing
from sluis.panel.pages.node_record import node_of
from sluis.panel.pages.render import page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.views import device_view
from sluis.panel.ports import House

router = APIRouter()

TRIALS_S = (60, 180, 600, 1800, 3600)
"""How long a node may look for its broker; the second is its own."""

Text = Annotated[str, Form(max_length=30_000)]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[list[str], Form(max_length=100)]
NOTHING: list[str] = []


@router.get("/devices/{key}/node", include_in_schema=False)
async def wiring(key: str, request: Request, house: HouseDep, actor: NodeKeeper, live: bool = False) -> Response:
    """What is wired to it now."""
    device, node = await _node_of(house, actor, key)
    trial = wiring_of(house).trial(node.id)
    if live:
        if trial is None or trial.stage.final:
            return Response(status_code=200, headers={"HX-Refresh": "true"})
        return part(request, "parts/node-trial.html", **_progress(device, trial))
    has, silent = await _has(house, actor, device, node, trial)
    return await _drawn(request, house, actor, device, node, has, silent=silent)


@router.post("/devices/{key}/node", include_in_schema=False)
async def change(
    key: str,
    request: Request,
    house: HouseDep,
    actor: NodeKeeper,
    do: Word,
    base: Text = "{}",
    text: Text = "",
    drawn: Words = NOTHING,
    kind: Word = "",
    new_key: Word = "",
    trial_s: Annotated[int, Form(ge=5, le=3600)] = TRIALS_S[1],
) -> Response:
    """Something was changed in the draft, which is in the form: draw it again, or send it."""
    device, node = await _node_of(house, actor, key)
    catalogue = await wiring_of(house).catalogue()
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        draft = drafts.read(text) if do == "text" else drafts.typed(base, form, drawn, catalogue)
    except ValueError as error:
        draft = drafts.typed(base, form, drawn, catalogue) if do == "text" else {}
        return await _drawn(request, house, actor, device, node, draft, unread=str(error), written=text)
    what, _, where = do.partition(" ")
    if what == "add" and (kind in catalogue.kinds or kind in catalogue.buses):
        draft = drafts.added(draft, catalogue, kind, new_key.strip().lower())
    elif what == "remove":
        draft = drafts.without(draft, where)
    elif what == "send":
        return await _sent(request, house, actor, device, node, draft, trial_s)
    return await _drawn(request, house, actor, device, node, draft, checked=what == "check")


@router.post("/devices/{key}/node/undo", include_in_schema=False)
async def undo(key: str, request: Request, house: HouseDep, actor: NodeKeeper) -> Response:
    """Back to what it had before."""
    device, node = await _node_of(house, actor, key)
    try:
        before = dict(await nodes_of(house).config(node.id, previous=True))
        if not before:
            return then(_at(device), Toast("no-undo", {"name": device.label}))
        await wiring_of(house).give(node.id, before, actor)
    except SluisError as error:
        return then(_at(device), Toast("refused", {"why": str(error)[:300]}))
    return then(_at(device))


@router.post("/devices/{key}/node/test", include_in_schema=False)
async def test(key: str, house: HouseDep, actor: NodeKeeper) -> Response:
    """The factory test; what it found is on the page."""
    device, node = await _node_of(house, actor, key)
    try:
        await nodes_of(house).test(node.id, actor)
    except SluisError as error:
        return then(_at(device), Toast("refused", {"why": str(error)[:300]}))
    return then(f"{_at(device)}#tested")


async def _node_of(house: House, actor: Actor, key: str) -> tuple[Device, Node]:
    everywhere(actor)
    device = device_for(house, actor, key)
    node = await node_of(house, device)
    if node is None:
        raise NotFound(f"{device.label} is no node that was enrolled here")
    return device, node


async def _has(house: House, actor: Actor, device: Device, node: Node, trial: Trial | None) -> tuple[Json, bool]:
    """What it has, and whether that is only what it had when it was last heard."""
    if trial is not None and not trial.stage.final:
        return dict(trial.config), False
    if house.register.twin(device.key).availability.value == "online":
        try:
            return dict(await nodes_of(house).config(node.id)), False
        except SluisError:
            pass
    return dict(node.config), True


async def _sent(
    request: Request, house: House, actor: Actor, device: Device, node: Node, draft: Json, trial_s: int
) -> Response:
    try:
        await wiring_of(house).give(node.id, draft, actor, trial_s=trial_s)
    except WrongWiring:
        return await _drawn(request, house, actor, device, node, draft, trial_s=trial_s)
    except SluisError as error:
        return await _drawn(request, house, actor, device, node, draft, error=error, trial_s=trial_s)
    return then(_at(device))


async def _drawn(
    request: Request,
    house: House,
    actor: Actor,
    device: Device,
    node: Node,
    draft: Json,
    *,
    silent: bool = False,
    checked: bool = False,
    unread: str = "",
    written: str = "",
    error: SluisError | None = None,
    trial_s: int = TRIALS_S[1],
) -> Response:
    held, speech = wiring_of(house), speech_of(request)
    faults = await held.check(node.id, draft)
    form = Drawing(draft, await held.catalogue(), node.board, faults, speech).view()
    wrong = request.method == "POST" and bool(form.count or unread or error)
    return await page(
        request,
        "node.html",
        status=422 if wrong else 200,
        section="areas",
        device=device,
        view=device_view(house.register, device, actor, speech, house.clock.stamp().at_us),
        area_href=site.area_href,
        node=node,
        form=form,
        silent=silent,
        checked=checked and not form.count,
        unread=unread,
        written=written or form.text,
        error=error,
        opened_text=bool(unread),
        trials_s=TRIALS_S,
        trial_s=trial_s,
        failed=[one for one in node.tests if one.get("ok") is not True],
        **_progress(device, held.trial(node.id)),
    )


def _progress(device: Device, trial: Trial | None) -> dict[str, Any]:
    reason = next((text for known, text in node_words.REASONS if trial and trial.reason == known), "")
    return {"trial": trial, "reason": reason, "at": _at(device)}


def _at(device: Device) -> str:
    return f"/devices/{quote(device.key, safe='')}/node"
