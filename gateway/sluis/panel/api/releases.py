"""The gateway's own update: where it stands, taking a release, going back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from sluis.panel.api.bundles import BundleName
from sluis.panel.api.guards import CanSeeBundles, CanUpdateGateway
from sluis.panel.api.shapes import PLAIN, In, Out, Sentence
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import NotAvailable
from sluis.panel.ports import House
from sluis.panel.releases import Releases

router = APIRouter(prefix="/api/v1", tags=["update"])


class ReleaseOut(Out):
    """A release of the gateway that is here."""

    bundle: str
    version: str
    sequence: int
    state: str = Field(description="`runs`, `newer`, `older`, `untrusted`, `expired`, `damaged` or `other-machine`.")
    why: str


class LastOut(Out):
    """What came of the last update."""

    outcome: str = Field(description="`confirmed`, `returned`, `refused` or `undone`.")
    source: str = Field(description="The release before.")
    target: str
    why: str
    by: str
    began_us: int = Field(description="Start of the trial; 0 for none.")
    ended_us: int
    gap: bool = Field(description="What was taken in between is a gap in the history; it lies beside the database.")


class UpdateOut(Out):
    """Where the gateway's own update stands."""

    possible: bool = Field(description="False where it was not installed as a service.")
    running: str
    previous: str = Field(description="The release that undo goes back to; empty for none.")
    step: str = Field(
        description="`settled`, `unpacking`, `compiling`, `checking`, `wanted`, `copied`, `migrated`, `trial`, "
        "`returning`."
    )
    done: int
    of: int
    target: str
    waits_for: str = Field(description="During a trial: what is not well yet.")
    problem: str = Field(description="Why the last try to lay a release here failed.")
    last: LastOut | None
    releases: list[ReleaseOut]


class Install(In):
    """Which release to take."""

    bundle: BundleName
    allow_older: bool = Field(default=False, description="A release older than the one that runs; with a reason.")
    reason: Sentence = ""


class Undo(In):
    """Why to go back."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=PLAIN)]


@router.get("/update")
async def get_update(house: HouseDep, actor: CanSeeBundles) -> UpdateOut:
    """Where the gateway's own update stands, and which of its releases are here."""
    return UpdateOut.model_validate(await releases(house).report())


@router.post("/update/install", status_code=202)
async def install_update(house: HouseDep, actor: CanUpdateGateway, wish: Install) -> UpdateOut:
    """Take a release that was imported. It is laid ready; then the gateway starts again, on trial."""
    everywhere(actor)
    await releases(house).install(wish.bundle, actor, allow_older=wish.allow_older, reason=wish.reason)
    return UpdateOut.model_validate(await releases(house).report())


@router.post("/update/undo", status_code=202)
async def undo_update(house: HouseDep, actor: CanUpdateGateway, wish: Undo) -> UpdateOut:
    """Go back to the release before. The gateway starts again."""
    everywhere(actor)
    told = UpdateOut.model_validate(await releases(house).report())
    await releases(house).undo(actor, reason=wish.reason)
    return told


def releases(house: House) -> Releases:
    if house.releases is None:
        raise NotAvailable("this house has no releases of its own")
    return house.releases
