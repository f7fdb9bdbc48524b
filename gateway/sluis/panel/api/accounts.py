"""Signing in and out, one's own account, users, sessions and API tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, StringConstraints

from sluis.model import ApiToken, Role, User
from sluis.panel.api.guards import (
    NOUNS,
    CanChangeOwn,
    CanChangeTokens,
    CanChangeUsers,
    CanSeeOwn,
    CanSeeTokens,
    CanSeeUsers,
)
from sluis.panel.api.shapes import PLAIN, In, Key, Label, Micros, Name, Out, RowId
from sluis.panel.auth import COOKIE, HouseDep, VisitorDep, everywhere, origin_of, refuse_foreign
from sluis.panel.door import Visitor
from sluis.panel.passwords import PASSWORD_MAX
from sluis.panel.ports import House

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_MAX)]
UserName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", to_lower=True)]


def _role(word: str) -> str:
    if word.upper() not in Role.__members__:
        raise ValueError(f"one of {', '.join(role.word for role in Role)}")
    return word.lower()


def _noun(word: str) -> str:
    if word != "*" and word not in NOUNS:
        raise ValueError(f"* or one of {', '.join(NOUNS)}")
    return word


RoleWord = Annotated[str, AfterValidator(_role), Field(max_length=20, examples=["operator"])]
Noun = Annotated[str, AfterValidator(_noun), Field(max_length=40, examples=["devices:read"])]
Areas = Annotated[list[Name] | None, Field(max_length=200, description="Areas the role holds in; null for all.")]


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


class UserOut(Out):
    name: str
    role: str
    areas: list[str] | None
    full_name: str
    email: str
    language: str
    disabled: bool
    created_at_us: int
    signed_in_at_us: int | None


class NewUser(In):
    name: UserName
    password: Password
    role: RoleWord
    areas: Areas = None
    full_name: Label = ""
    email: Annotated[str, StringConstraints(max_length=200, pattern=PLAIN)] = ""
    language: Annotated[str, StringConstraints(pattern=r"^(nl|en|)$")] = ""


class UserChange(In):
    """What may be changed of a user; what is left out stays."""

    role: RoleWord | None = None
    areas: Areas = None
    full_name: Label | None = None
    email: Annotated[str, StringConstraints(max_length=200, pattern=PLAIN)] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^(nl|en|)$")] | None = None
    disabled: bool | None = None


class PasswordBody(In):
    password: Password


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


class NewToken(In):
    name: Name
    role: RoleWord
    areas: Areas = None
    nouns: list[Noun] = Field(default_factory=lambda: ["*"], min_length=1, max_length=40)
    expires_at_us: Micros | None = None


class TokenOut(Out):
    name: str
    role: str
    areas: list[str] | None
    nouns: list[str]
    created_at_us: int
    created_by: str
    expires_at_us: int | None
    used_at_us: int | None


class MadeToken(TokenOut):
    secret: str = Field(description="Shown this once; the gateway keeps only its hash.", examples=["slu_..."])


# -- signing in -------------------------------------------------------------------------------------------


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
    areas = _listed(actor.areas)
    return MeOut(
        kind=actor.kind, name=actor.name, role=actor.role.word, areas=areas, language=language, csrf=visitor.csrf
    )


# -- users ------------------------------------------------------------------------------------------------


@router.get("/users")
async def list_users(house: HouseDep, actor: CanSeeUsers) -> list[UserOut]:
    """All users."""
    everywhere(actor)
    return [user_out(user) for user in await house.door.users()]


@router.post("/users", status_code=201)
async def add_user(house: HouseDep, actor: CanChangeUsers, body: NewUser) -> UserOut:
    """Add a user."""
    everywhere(actor)
    role = Role[body.role.upper()]
    user = User(body.name, role, _set(body.areas), body.full_name, body.email, body.language)
    return user_out(await house.door.add_user(user, body.password, actor))


@router.get("/users/{name}")
async def get_user(house: HouseDep, actor: CanSeeUsers, name: Key) -> UserOut:
    """One user."""
    everywhere(actor)
    return user_out(await house.door.user(name.casefold()))


@router.patch("/users/{name}")
async def change_user(house: HouseDep, actor: CanChangeUsers, name: Key, body: UserChange) -> UserOut:
    """Change a user's role, areas, name, address or language, or disable them."""
    everywhere(actor)
    changes = body.model_dump(exclude_unset=True)
    wanted = {key: value for key, value in changes.items() if value is not None or key == "areas"}
    if "role" in wanted:
        wanted["role"] = Role[wanted["role"].upper()]
    if "areas" in wanted:
        wanted["areas"] = _set(wanted["areas"])
    return user_out(await house.door.change_user(name.casefold(), actor, **wanted))


@router.put("/users/{name}/password", status_code=204)
async def set_user_password(house: HouseDep, actor: CanChangeUsers, name: Key, body: PasswordBody) -> None:
    """Set somebody's password; all their sessions end."""
    everywhere(actor)
    await house.door.set_password(name.casefold(), body.password, actor)


@router.delete("/users/{name}", status_code=204)
async def remove_user(house: HouseDep, actor: CanChangeUsers, name: Key) -> None:
    """Remove a user. The last admin cannot be removed."""
    everywhere(actor)
    await house.door.remove_user(name.casefold(), actor)


# -- sessions ---------------------------------------------------------------------------------------------


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


# -- tokens -----------------------------------------------------------------------------------------------


@router.get("/tokens")
async def list_tokens(house: HouseDep, actor: CanSeeTokens) -> list[TokenOut]:
    """All API tokens, without their secrets."""
    everywhere(actor)
    return [_token_out(token) for token in await house.door.tokens()]


@router.post("/tokens", status_code=201)
async def add_token(house: HouseDep, actor: CanChangeTokens, body: NewToken) -> MadeToken:
    """Make a token for a program. Its secret is in this answer and nowhere else."""
    everywhere(actor)
    role = Role[body.role.upper()]
    wish = ApiToken(body.name, role, _set(body.areas), frozenset(body.nouns), expires_at_us=body.expires_at_us)
    secret, token = await house.door.add_token(wish, actor)
    return MadeToken(**_token_out(token).model_dump(), secret=secret)


@router.delete("/tokens/{name}", status_code=204)
async def remove_token(house: HouseDep, actor: CanChangeTokens, name: Name) -> None:
    """Remove a token: it stops working at once."""
    everywhere(actor)
    await house.door.remove_token(name, actor)


def user_out(user: User) -> UserOut:
    return UserOut(
        name=user.name,
        role=user.role.word,
        areas=_listed(user.areas),
        full_name=user.full_name,
        email=user.email,
        language=user.language,
        disabled=user.disabled,
        created_at_us=user.created_at_us,
        signed_in_at_us=user.signed_in_at_us,
    )


def _token_out(token: ApiToken) -> TokenOut:
    return TokenOut(
        name=token.name,
        role=token.role.word,
        areas=_listed(token.areas),
        nouns=sorted(token.nouns),
        created_at_us=token.created_at_us,
        created_by=token.created_by,
        expires_at_us=token.expires_at_us,
        used_at_us=token.used_at_us,
    )


def _listed(areas: frozenset[str] | None) -> list[str] | None:
    return None if areas is None else sorted(areas)


def _set(areas: list[str] | None) -> frozenset[str] | None:
    return None if areas is None else frozenset(areas)
