"""Releases for nodes: whom this gateway trusts, what a repository offers, which bundles are here."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import Field, StringConstraints

from sluis.model import Actor, Role
from sluis.panel.api.guards import CanChooseReleases, CanImportBundles, CanSeeBundles
from sluis.panel.api.shapes import PLAIN, In, Out, Sentence
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import Invalid, NotPermitted
from sluis.panel.ports import House

router = APIRouter(prefix="/api/v1", tags=["bundles"])

BUNDLE = r"^[A-Za-z0-9][A-Za-z0-9.+_-]*\.sluis$"
BundleName = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=BUNDLE)]
BundlePath = Annotated[str, Path(min_length=1, max_length=120, pattern=BUNDLE, examples=["any-0.2.0-12.sluis"])]
Source = Annotated[str, StringConstraints(max_length=500, pattern=PLAIN)]
MEDIA_TYPE = "application/x-tar"


class FreshOut(Out):
    """How new what was last seen of the releases is."""

    version: int
    made_at_us: int | None = Field(description="When somebody last said what is newest.")
    until_us: int = Field(description="From then on it is late.")
    age_s: float | None = Field(description="Null where the time is not known.")
    late: bool | None = Field(description="A warning only: what is here stays authentic.")


class KeyOut(Out):
    id: str
    name: str
    roles: list[str] = Field(description="`root`, `release`, `fresh`.")


class TrustOut(Out):
    """Whom this gateway trusts with releases."""

    version: int = Field(description="Of the root.")
    print: str = Field(description="What people compare, 32 hex digits.")
    expires_us: int
    expired: bool = Field(description="Nothing is imported then, until a newer root is trusted.")
    thresholds: dict[str, int] = Field(description="Signatures needed, by role.")
    keys: list[KeyOut]
    node_trust: str = Field(description="The `/trust.json` that new nodes are given.")
    sequence: int = Field(description="Of those release keys.")
    handed_down: list[int] = Field(description="Sequences that nodes can be brought to over the air.")
    fresh: FreshOut | None = Field(description="Null while no repository was seen.")
    repository: str = Field(description="The address in the settings.")


class Root(In):
    """A root to trust."""

    root: Annotated[str, Field(max_length=400_000, description="The root's file, base64.")]
    print: Annotated[str, Field(max_length=60, description="Its print, as those who release read it to you.")]
    reason: Sentence = ""


class BundleOut(Out):
    """A bundle on this gateway."""

    name: str
    board: str = Field(description="`any`, a family or a profile.")
    version: str
    sequence: int
    manifest: str = Field(description="SHA-256 of its manifest.")
    bytes: int
    at_us: int
    by: str
    source: str
    allowed: str = Field(description="Why a person let it in although a newer one had been here.")
    state: Literal["ready", "untrusted", "expired", "damaged"]
    why: str = Field(description="What is wrong with it; empty for nothing.")


class BundleDetailOut(Out):
    """One bundle, opened."""

    report: BundleOut
    told: dict[str, Any] = Field(
        description="`runtime`, `from`, `expires`, `files`, `changelog` by language, `tools`, `signers`; "
        "empty when it is damaged."
    )


class OfferOut(Out):
    """A bundle in a repository."""

    name: str
    bytes: int
    board: str
    version: str
    sequence: int
    here: bool


class LookOut(Out):
    """What a repository holds."""

    source: str
    fresh: FreshOut
    offers: list[OfferOut]
    handed_down: list[int] = Field(description="New sets of release keys that came with it, by sequence.")


class TakenOut(Out):
    """What became of one bundle."""

    name: str
    outcome: Literal["imported", "there", "refused"]
    said: str
    code: str = Field(description="Of the error, where it was refused.")


class Where(In):
    """A repository."""

    source: Source = Field(
        default="",
        description="Address, folder on the gateway such as a stick, or a bundle in one; empty for the address in the "
        "settings.",
        examples=["/media/stick/release"],
    )


class Import(Where):
    """What to import from it."""

    names: Annotated[list[BundleName], Field(max_length=100)] = Field(
        default=[], description="Empty for the newest of each board."
    )
    allow_older: bool = Field(default=False, description="Admins only, with a reason; audited.")
    reason: Sentence = ""


@router.get("/release-trust")
async def get_release_trust(house: HouseDep, actor: CanSeeBundles) -> TrustOut | None:
    """Whom this gateway trusts with releases, and how new what it saw of them is; null for nobody."""
    held = await house.supply.trust()
    return TrustOut.model_validate(held) if held is not None else None


@router.put("/release-trust")
async def set_release_trust(house: HouseDep, actor: CanChooseReleases, wish: Root) -> TrustOut:
    """Trust a root whose print you compared. What another root said is forgotten; bundles stay."""
    everywhere(actor)
    try:
        root = base64.b64decode(wish.root, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("root: not base64") from None
    return TrustOut.model_validate(await house.supply.choose(root, wish.print, actor, reason=wish.reason))


@router.get("/bundles")
async def list_bundles(house: HouseDep, actor: CanSeeBundles) -> list[BundleOut]:
    """The bundles on this gateway, newest first."""
    return [BundleOut.model_validate(one) for one in await house.supply.bundles()]


@router.post("/bundles/look")
async def look_for_bundles(house: HouseDep, actor: CanImportBundles, wish: Where) -> LookOut:
    """See what a repository offers. Nothing is imported."""
    _may_visit(house, actor, wish.source)
    return LookOut.model_validate(await house.supply.look(wish.source))


@router.post("/bundles/import")
async def import_bundles(house: HouseDep, actor: CanImportBundles, wish: Import) -> list[TakenOut]:
    """Import bundles from a repository."""
    _may_visit(house, actor, wish.source)
    _may_go_back(actor, wish.allow_older)
    taken = await house.supply.bring(wish.source, wish.names, actor, allow_older=wish.allow_older, reason=wish.reason)
    return [TakenOut.model_validate(one) for one in taken]


@router.post("/bundles/upload", status_code=201)
async def upload_bundle(
    house: HouseDep,
    actor: CanImportBundles,
    bundle: Annotated[UploadFile, File(description="A bundle, within the limit of a request's body.")],
    allow_older: Annotated[bool, Query(description="Admins only, with a reason; audited.")] = False,
    reason: Annotated[str, Query(max_length=1_000)] = "",
) -> BundleOut:
    """Import one bundle that you send. It says nothing of what is newest: prefer a repository."""
    everywhere(actor)
    _may_go_back(actor, allow_older)
    name = (bundle.filename or "a file")[:120]
    made = await house.supply.take(await bundle.read(), name, actor, allow_older=allow_older, reason=reason)
    return BundleOut.model_validate(made)


@router.get("/bundles/{bundle}")
async def get_bundle(house: HouseDep, actor: CanSeeBundles, bundle: BundlePath) -> BundleDetailOut:
    """One bundle: its files, its changelog."""
    return BundleDetailOut.model_validate(await house.supply.bundle(bundle))


@router.get(
    "/bundles/{bundle}/file",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def export_bundle(house: HouseDep, actor: CanSeeBundles, bundle: BundlePath) -> Response:
    """The bundle as it was signed."""
    return FileResponse(await house.supply.file(bundle), media_type=MEDIA_TYPE)


@router.delete("/bundles/{bundle}", status_code=204)
async def remove_bundle(
    house: HouseDep, actor: CanImportBundles, bundle: BundlePath, reason: Annotated[str, Query(max_length=1_000)] = ""
) -> None:
    """Forget a bundle. That it was here stays known, so that an older one needs a person's word."""
    everywhere(actor)
    await house.supply.remove(bundle, actor, reason=reason)


def _may_visit(house: House, actor: Actor, source: str) -> None:
    everywhere(actor)
    if not source and not house.supply.repository:
        raise Invalid("source: no repository is in the settings, so name one")
    if "://" in source and source != house.supply.repository and actor.role < Role.ADMIN:
        raise NotPermitted("another address than the one in the settings needs the role admin")


def _may_go_back(actor: Actor, allow_older: bool) -> None:
    if allow_older and actor.role < Role.ADMIN:
        raise NotPermitted("to let an older bundle in needs the role admin")
