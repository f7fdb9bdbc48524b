"""Setting up, signing in and out, and one's own sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from sluis.model import Role
from sluis.panel.api.account_shapes import Password, UserName, listed
from sluis.panel.api.guards import CanChangeOwn, CanSeeOwn
from sluis.panel.api.shapes import In, Label, Out, RowId
from sluis.panel.auth import COOKIE, HouseDep, VisitorDep, origin_of, refuse_foreign
from sluis.panel.ports import House
from sluis.panel.visitor import Visitor

router = APIRouter(prefix="/api/v1", tags=["accounts"])


class SignInBody(In):
    name: Annotated[str, StringConstraints(max_length=64)]
    password: Password


class SetUpBody(In):
    code: Annotated[str, StringConstraints(max_length=40)] = Field(description="Printed when the gateway starts.")
    name: UserName
    password: Password
    full_name: Label = ""


class MeOut(Out):
    """Who you are here."""

    kind: str
    name: str
    role: str
    areas: list[str] | None
    language: str = ""
    csrf: str = Field(default="", description="To be sent as X-CSRF-Token with every write of this session.")


class OwnPassword(In):
    old: Password
    new: Password


class SessionOut(Out):
    id: int
    user: str
    created_at_us: int
    seen_at_us: int
    expires_at_us: int
    origin: str
    agent: str
    current: bool = False


@router.post("/set-up", tags=["open"], status_code=201)
async def set_up(house: HouseDep, body: SetUpBody, request: Request, response: Response) -> MeOut:
    """Make the first admin with the code that was printed at start; signs in. Works once."""
    refuse_foreign(request)
    origin, agent = origin_of(request), request.headers.get("user-agent", "")
    secret = await house.door.set_up(body.code, body.name, body.password, origin, agent, body.full_name)
    return await _welcome(house, secret, request, response)


@router.post("/session", tags=["open"], status_code=201)
async def sign_in(house: HouseDep, body: SignInBody, request: Request, response: Response) -> MeOut:
    """Sign in: sets the session cookie and answers with its CSRF token."""
    refuse_foreign(request)
    agent = request.headers.get("user-agent", "")
    secret = await house.door.sign_in(body.name, body.password, origin_of(request), agent)
    return await _welcome(house, secret, request, response)


@router.get("/session")
async def get_session(visitor: VisitorDep) -> MeOut:
    """Who you are here, and the CSRF token of your session."""
    return _me(visitor)


@router.delete("/session", status_code=204)
async def sign_out(house: HouseDep, visitor: VisitorDep, response: Response) -> None:
    """End this session."""
    await house.door.sign_out(visitor)
    clear_cookie(response)


@router.post("/session/password", status_code=204)
async def change_own_password(house: HouseDep, actor: CanChangeOwn, visitor: VisitorDep, body: OwnPassword) -> None:
    """Change your password; your other sessions end."""
    await house.door.change_own_password(visitor, body.old, body.new)


def set_cookie(response: Response, secret: str, life_s: float) -> None:
    """Give the browser its session."""
    response.set_cookie(COOKIE, secret, max_age=int(life_s), path="/", secure=True, httponly=True, samesite="strict")


def clear_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")


async def _welcome(house: House, secret: str, request: Request, response: Response) -> MeOut:
    set_cookie(response, secret, house.door.settings.session_life_s)
    return _me(await house.door.by_session(secret, origin_of(request)))


def _me(visitor: Visitor) -> MeOut:
    actor = visitor.actor
    language = visitor.user.language if visitor.user else ""
    areas = listed(actor.areas)
    return MeOut(
        kind=actor.kind, name=actor.name, role=actor.role.word, areas=areas, language=language, csrf=visitor.csrf
    )


@router.get("/sessions")
async def list_sessions(house: HouseDep, actor: CanSeeOwn, visitor: VisitorDep) -> list[SessionOut]:
    """Your sessions; for an admin everybody's."""
    mine = actor.role < Role.ADMIN or actor.areas is not None
    held = await house.door.sessions(actor.name if mine else "")
    current = visitor.session.id if visitor.session else 0
    return [SessionOut.model_validate(one).model_copy(update={"current": one.id == current}) for one in held]


@router.delete("/sessions/{session}", status_code=204)
async def end_session(house: HouseDep, actor: CanChangeOwn, session: RowId) -> None:
    """End a session: your own, or as an admin anybody's."""
    await house.door.end_session(session, actor)
