"""How the gateway itself is doing: links, queues, disk, drivers, backups; who did what; help."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import Actor, Role
from sluis.panel.auth import HouseDep, VisitorDep, everywhere
from sluis.panel.pages.guards import Anyone, Auditor, Keeper, SystemReader, Updater
from sluis.panel.pages.render import page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.wellness import worst
from sluis.panel.ports import House
from sluis.panel.releases import UpdateReport

router = APIRouter()

ENTRIES = 100


@router.get("/system", include_in_schema=False)
async def system(request: Request, house: HouseDep, actor: SystemReader) -> Response:
    """Links, queues, disk, drivers, backups, versions."""
    return await page(request, "system.html", section="system", **await _system(request, house, actor))


@router.get("/parts/system", include_in_schema=False)
async def system_part(request: Request, house: HouseDep, actor: SystemReader) -> Response:
    """The same numbers again, while somebody looks."""
    return part(request, "parts/system.html", **await _system(request, house, actor))


async def _system(request: Request, house: House, actor: Actor) -> dict[str, Any]:
    report = await house.system.report()
    return {
        "report": report,
        "ready": house.system.readiness(),
        "links": house.system.links(),
        "worst": worst(house, actor, speech_of(request)),
        "looked_at": len(house.wellness.worst_first()),
        "drivers": sorted(
            house.system.drivers(), key=lambda one: (not (one.fault or one.aside or one.faults), one.key)
        ),
        "storage": await house.system.storage(),
        "backups": sorted(await house.backups.list(), key=lambda one: -one.at_us) if actor.role >= Role.ADMIN else [],
        "went_back": len(house.node_pages.groups()) if house.node_pages is not None and actor.areas is None else 0,
        "streams": request.app.state.hub.listeners,
        "update": await _update(house, actor),
    }


async def _update(house: House, actor: Actor) -> UpdateReport | None:
    """Where the gateway's own update stands; None for who may not change it, and where nothing can be."""
    if house.releases is None or actor.role < Role.ADMIN or actor.areas is not None:
        return None
    told = await house.releases.report()
    return told if told.possible else None


@router.post("/system/update", include_in_schema=False)
async def install_update(house: HouseDep, actor: Updater, bundle: Annotated[str, Form(max_length=120)]) -> Response:
    """Take a release that is here."""
    everywhere(actor)
    if house.releases is not None:
        await house.releases.install(bundle, actor)
    return then("/system#update", Toast("update-begun"))


@router.post("/system/update/undo", include_in_schema=False)
async def undo_update(
    house: HouseDep, actor: Updater, reason: Annotated[str, Form(min_length=1, max_length=1_000)]
) -> Response:
    """Go back to the release before."""
    everywhere(actor)
    if house.releases is not None:
        await house.releases.undo(actor, reason=reason)
    return then("/system", Toast("update-undone"))


@router.post("/system/backups", include_in_schema=False)
async def make_backup(house: HouseDep, actor: Keeper) -> Response:
    """Make one now."""
    made = await house.backups.create(everywhere(actor))
    return then("/system#backups", Toast("backup-made", {"name": made.name}))


@router.post("/system/backups/verify", include_in_schema=False)
async def verify_backup(house: HouseDep, actor: Keeper, name: Annotated[str, Form(max_length=200)]) -> Response:
    """Restore one into a scratch place and check it."""
    proven = await house.backups.verify(name, everywhere(actor))
    if proven.problem:
        return then("/system#backups", Toast("refused", {"why": proven.problem}))
    return then("/system#backups", Toast("backup-proven", {"name": proven.name}))


@router.get("/audit", include_in_schema=False)
async def audit(
    request: Request,
    house: HouseDep,
    actor: Auditor,
    before: int | None = None,
    who: str = "",
    what: str = "",
    check: str = "",
) -> Response:
    """Who did what, newest first."""
    everywhere(actor)
    entries = await house.audit.entries(ENTRIES, before, actor=who[:120], action=what[:120])
    verdict = await house.audit.verify() if check else None
    following = entries[-1].seq if len(entries) == ENTRIES else 0
    return await page(
        request, "audit.html", section="audit", entries=entries, next=following, who=who, what=what, verdict=verdict
    )


@router.get("/more", include_in_schema=False)
async def more(request: Request, visitor: VisitorDep) -> Response:
    """Everything that does not fit in the bar of a phone."""
    return await page(request, "more.html", section="more")


@router.get("/help", include_in_schema=False)
async def help_page(request: Request, visitor: Anyone) -> Response:
    """How to trust this gateway's certificate, and what the signs mean. For strangers too: they need it first."""
    settings = request.app.state.settings
    return await page(request, "help.html", section="help", hostname=settings.hostname, trust_port=settings.trust_port)
