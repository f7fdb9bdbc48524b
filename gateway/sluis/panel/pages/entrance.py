"""Coming in: set-up, signing in and out; language and theme; the page for errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import SluisError
from sluis.panel.api.accounts import clear_cookie, set_cookie
from sluis.panel.auth import HouseDep, VisitorDep, origin_of, refuse_foreign
from sluis.panel.i18n import LANGUAGES, N_
from sluis.panel.pages.devices import Text, _back
from sluis.panel.pages.guards import Anyone
from sluis.panel.pages.look import DENSITIES, THEMES, Look, keep, look_of
from sluis.panel.pages.render import draw, page
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import PROBLEMS
from sluis.panel.passwords import PASSWORD_MAX
from sluis.panel.problems import Problem, status_of

router = APIRouter()

Password = Annotated[str, Form(max_length=PASSWORD_MAX)]

ADVICE = N_("If it happens again, report it with what you see here.")


@router.get("/set-up", include_in_schema=False)
async def set_up_form(request: Request, house: HouseDep, visitor: Anyone) -> Response:
    """The first admin's form, while there is none."""
    if not house.door.needs_setup:
        return then("/" if visitor else "/sign-in")
    return await page(request, "set-up.html", error=None, name="", full_name="")


@router.post("/set-up", include_in_schema=False)
async def set_up(
    request: Request, house: HouseDep, code: Text = "", name: Text = "", password: Password = "", full_name: Text = ""
) -> Response:
    """Make the first admin, and sign them in."""
    refuse_foreign(request)
    agent = request.headers.get("user-agent", "")
    try:
        secret = await house.door.set_up(code, name, password, origin_of(request), agent, full_name.strip())
    except SluisError as error:
        return await page(
            request, "set-up.html", status=status_of(error), error=error, name=name, full_name=full_name, known=PROBLEMS
        )
    response = then("/")
    set_cookie(response, secret, house.door.settings.session_life_s)
    return response


@router.get("/sign-in", include_in_schema=False)
async def sign_in_form(request: Request, house: HouseDep, visitor: Anyone, next: str = "/") -> Response:
    """Name and password."""
    if visitor is not None:
        return then(_back(next, "") if next.startswith("/") else "/")
    if house.door.needs_setup:
        return then("/set-up")
    return await page(request, "sign-in.html", error=None, name="", next=next)


@router.post("/sign-in", include_in_schema=False)
async def sign_in(
    request: Request, house: HouseDep, name: Text = "", password: Password = "", next: Text = "/"
) -> Response:
    """Check them, and on to where the person wanted to go."""
    refuse_foreign(request)
    try:
        secret = await house.door.sign_in(name, password, origin_of(request), request.headers.get("user-agent", ""))
    except SluisError as error:
        return await page(
            request, "sign-in.html", status=status_of(error), error=error, name=name, next=next, known=PROBLEMS
        )
    local = next.startswith("/") and not next.startswith(("//", "/\\"))
    response = then(next if local else "/")
    set_cookie(response, secret, house.door.settings.session_life_s)
    return response


@router.post("/sign-out", include_in_schema=False)
async def sign_out(house: HouseDep, visitor: VisitorDep) -> Response:
    """End this session."""
    await house.door.sign_out(visitor)
    response = then("/sign-in", Toast("signed-out"))
    clear_cookie(response)
    return response


@router.post("/look", include_in_schema=False)
async def look(
    request: Request,
    house: HouseDep,
    visitor: Anyone,
    language: Text = "",
    theme: Text = "",
    density: Text = "",
    back: Text = "/",
) -> Response:
    """Choose language, theme or density for this browser; the language also for the person."""
    refuse_foreign(request)
    now = look_of(request)
    wanted = Look(
        language if language in LANGUAGES else now.language,
        theme if theme in THEMES else now.theme,
        density if density in DENSITIES else now.density,
    )
    if visitor and visitor.user and language in LANGUAGES and visitor.user.language != language:
        await house.door.change_user(visitor.user.name, visitor.actor, language=language)
    there = urlsplit(back).path
    response = then(there if there.startswith("/") and not there.startswith("//") else "/")
    keep(response, replace(wanted), secure=request.url.scheme == "https")
    return response


def error_page(request: Request, problem: Problem) -> Response:
    """An error as a sentence with a hint. Works when nothing else does."""
    visitor = getattr(request.state, "visitor", None)
    known = PROBLEMS.get(problem.code)
    title, hint = known or (problem.title, problem.hint or ADVICE)
    if problem.code == "not-found" and problem.title != "Not Found":
        title = problem.title
    template = "parts/problem.html" if "hx-request" in request.headers else "problem.html"
    return draw(request, template, visitor, status=problem.status, title=title, hint=hint, problem=problem)
