"""Users, their rights and sessions; API tokens; one's own account."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import ApiToken, Role, SluisError, User
from sluis.panel.api.guards import NOUNS
from sluis.panel.auth import HouseDep, VisitorDep, everywhere
from sluis.panel.errors import Invalid
from sluis.panel.pages.devices import Text
from sluis.panel.pages.entrance import Password
from sluis.panel.pages.guards import Admin
from sluis.panel.pages.render import page
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import PROBLEMS, ROLES
from sluis.panel.ports import House
from sluis.panel.problems import status_of
from sluis.panel.visitor import Visitor

router = APIRouter()

DAY_US = 86_400_000_000

Areas = Annotated[list[str], Form(max_length=200)]


def role_named(word: str) -> Role:
    """Invalid when there is no such role."""
    if word.upper() not in Role.__members__:
        raise Invalid(f"there is no role {word!r}")
    return Role[word.upper()]


def areas_from(all_areas: str, areas: list[str]) -> frozenset[str] | None:
    """None for everywhere."""
    return None if all_areas else frozenset(areas)


@router.get("/people", include_in_schema=False)
async def people(request: Request, house: HouseDep, actor: Admin) -> Response:
    """Everybody who may come in."""
    everywhere(actor)
    return await page(request, "people.html", section="people", **await _people(house))


async def _people(house: House) -> dict[str, Any]:
    return {
        "users": await house.door.users(),
        "tokens": await house.door.tokens(),
        "sessions": await house.door.sessions(),
        "roles": ROLES,
        "areas": house.register.areas(),
        "nouns": NOUNS,
        "secret": "",
        "made": "",
        "error": None,
        "known": PROBLEMS,
    }


@router.post("/people", include_in_schema=False)
async def add(
    request: Request,
    house: HouseDep,
    actor: Admin,
    name: Text = "",
    password: Password = "",
    role: Text = "viewer",
    full_name: Text = "",
    email: Text = "",
    all_areas: Text = "",
    areas: Areas = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """A new user."""
    everywhere(actor)
    try:
        user = User(name, role_named(role), areas_from(all_areas, areas), full_name.strip(), email.strip())
        made = await house.door.add_user(user, password, actor)
    except SluisError as error:
        more = {**await _people(house), "error": error}
        return await page(request, "people.html", section="people", status=status_of(error), **more)
    return then("/people", Toast("saved", {"name": made.name}))


@router.get("/people/{name}", include_in_schema=False)
async def person(name: str, request: Request, house: HouseDep, actor: Admin) -> Response:
    """One user."""
    everywhere(actor)
    return await page(request, "person.html", section="people", **await _person(house, name))


async def _person(house: House, name: str) -> dict[str, Any]:
    user = await house.door.user(name)
    everywhere_else = sorted({*house.register.areas(), *(user.areas or ())})
    sessions = await house.door.sessions(name)
    return {
        "user": user,
        "areas": everywhere_else,
        "roles": ROLES,
        "sessions": sessions,
        "error": None,
        "known": PROBLEMS,
    }


@router.post("/people/{name}", include_in_schema=False)
async def change(
    name: str,
    request: Request,
    house: HouseDep,
    actor: Admin,
    role: Text,
    full_name: Text = "",
    email: Text = "",
    all_areas: Text = "",
    disabled: Text = "",
    areas: Areas = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """Change rights or names."""
    everywhere(actor)
    try:
        await house.door.change_user(
            name,
            actor,
            role=role_named(role),
            areas=areas_from(all_areas, areas),
            full_name=full_name.strip(),
            email=email.strip(),
            disabled=bool(disabled),
        )
    except SluisError as error:
        more = {**await _person(house, name), "error": error}
        return await page(request, "person.html", section="people", status=status_of(error), **more)
    return then(f"/people/{quote(name)}", Toast("saved", {"name": name}))


@router.post("/people/{name}/password", include_in_schema=False)
async def set_password(name: str, request: Request, house: HouseDep, actor: Admin, password: Password = "") -> Response:
    """An admin gives somebody a new password."""
    everywhere(actor)
    try:
        await house.door.set_password(name, password, actor)
    except SluisError as error:
        more = {**await _person(house, name), "error": error}
        return await page(request, "person.html", section="people", status=status_of(error), **more)
    return then(f"/people/{quote(name)}", Toast("password"))


@router.post("/people/{name}/remove", include_in_schema=False)
async def remove(name: str, house: HouseDep, actor: Admin) -> Response:
    """Take an account away."""
    everywhere(actor)
    await house.door.remove_user(name, actor)
    return then("/people", Toast("removed", {"name": name}))


# -- tokens -----------------------------------------------------------------------------------------------


@router.post("/tokens", include_in_schema=False)
async def add_token(
    request: Request,
    house: HouseDep,
    actor: Admin,
    name: Text = "",
    role: Text = "viewer",
    days: Annotated[int, Form(ge=1, le=3650)] = 90,
    nouns: Areas = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """A new token. Its secret is on this page and never again, so this answers with the page itself."""
    everywhere(actor)
    ends = house.clock.stamp().at_us + days * DAY_US
    scope = frozenset(one for one in nouns if one in NOUNS) or frozenset({"*"})
    more = await _people(house)
    try:
        if not name.strip():
            raise Invalid("a token needs a name")
        secret, made = await house.door.add_token(
            ApiToken(name.strip(), role_named(role), None, scope, expires_at_us=ends), actor
        )
    except SluisError as error:
        return await page(request, "people.html", section="people", status=status_of(error), **{**more, "error": error})
    more |= {"secret": secret, "made": made.name, "tokens": await house.door.tokens()}
    return await page(request, "people.html", section="people", **more)


@router.post("/tokens/remove", include_in_schema=False)
async def remove_token(house: HouseDep, actor: Admin, name: Text) -> Response:
    """It stops working at once."""
    everywhere(actor)
    await house.door.remove_token(name, actor)
    return then("/people", Toast("removed", {"name": name}))


# -- one's own account ------------------------------------------------------------------------------------


@router.get("/account", include_in_schema=False)
async def account(request: Request, house: HouseDep, visitor: VisitorDep) -> Response:
    """Who you are here, your password, your sessions."""
    return await page(request, "account.html", section="account", **await _account(house, visitor))


async def _account(house: House, visitor: Visitor) -> dict[str, Any]:
    sessions = await house.door.sessions(visitor.user.name) if visitor.user else []
    return {"sessions": sessions, "roles": ROLES, "error": None, "known": PROBLEMS}


@router.post("/account/password", include_in_schema=False)
async def own_password(
    request: Request, house: HouseDep, visitor: VisitorDep, old: Password = "", new: Password = ""
) -> Response:
    """Change one's own password."""
    try:
        await house.door.change_own_password(visitor, old, new)
    except SluisError as error:
        more = {**await _account(house, visitor), "error": error}
        return await page(request, "account.html", section="account", status=status_of(error), **more)
    return then("/account", Toast("password"))


@router.post("/sessions/{session_id}/end", include_in_schema=False)
async def end_session(session_id: int, request: Request, house: HouseDep, visitor: VisitorDep) -> Response:
    """End one's own session elsewhere; admins end anybody's."""
    await house.door.end_session(session_id, visitor.actor)
    referer = request.headers.get("referer", "")
    return then("/people" if "/people" in referer else "/account", Toast("session-ended"))
