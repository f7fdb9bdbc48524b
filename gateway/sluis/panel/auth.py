"""Dependencies that say who makes a request and whether they may. Used by the API and by the pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from sluis.model import Actor, Device, NotFound, Role, UnknownDevice
from sluis.panel.errors import ForgeryRefused, NotPermitted, NotSignedIn
from sluis.panel.passwords import same
from sluis.panel.ports import House
from sluis.panel.visitor import Visitor

COOKIE = "__Host-sluis"
"""The session cookie. The prefix makes browsers insist on Secure, path / and no domain."""

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def the_house(request: Request) -> House:
    """The services behind this app."""
    house: House = request.app.state.house
    return house


HouseDep = Annotated[House, Depends(the_house)]


def origin_of(request: Request) -> str:
    """The address a request comes from. Proxy headers are not believed."""
    return request.client.host.removeprefix("::ffff:") if request.client else "?"


async def visitor_of(request: Request) -> Visitor:
    """Who makes this request, by API token or session cookie. NotSignedIn when nobody; checks the CSRF token of
    a session's writes."""
    known: Visitor | None = getattr(request.state, "visitor", None)
    if known is not None:
        return known
    door = the_house(request).door
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        visitor = await door.by_token(secret.strip(), origin_of(request))
    else:
        visitor = await door.by_session(request.cookies.get(COOKIE, ""), origin_of(request))
        if request.method not in SAFE:
            refuse_foreign(request)
            await _check_csrf(request, visitor)
    request.state.visitor = visitor
    return visitor


async def again(request: Request) -> Visitor:
    """The same visitor as the request began with, if their right has not ended; for streams that stay open."""
    door, began = the_house(request).door, request.state.visitor
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if began.token is not None and scheme.lower() == "bearer":
        return await door.by_token(secret.strip(), origin_of(request))
    return await door.by_session(request.cookies.get(COOKIE, ""), origin_of(request))


async def visitor_or_none(request: Request) -> Visitor | None:
    """For pages that strangers may see (signing in)."""
    try:
        return await visitor_of(request)
    except NotSignedIn:
        return None


VisitorDep = Annotated[Visitor, Depends(visitor_of)]


async def current_actor(visitor: VisitorDep) -> Actor:
    """Who makes this request, as services want to know it."""
    return visitor.actor


ActorDep = Annotated[Actor, Depends(current_actor)]


def require(role: Role, noun: str = "") -> Callable[[Visitor], Awaitable[Actor]]:
    """A dependency that yields the actor when they hold `role` (somewhere) and, for tokens, `noun` is in scope.

    Whether the role holds in the area of the thing at hand is for `device_for` and the services to say.
    """

    async def permitted(visitor: VisitorDep) -> Actor:
        if visitor.actor.role < role:
            raise NotPermitted(f"this needs the role {role.word}; you are {visitor.actor.role.word}")
        if not visitor.covers(noun):
            raise NotPermitted(f"the token's scope does not cover {noun}")
        return visitor.actor

    permitted.right = role, noun  # type: ignore[attr-defined]  # the rights table of the docs and tests reads it
    return permitted


def sees(actor: Actor, device: Device) -> bool:
    """Whether a device exists for this actor: a device in no area is seen only by those who see all areas."""
    return actor.areas is None or device.area in actor.areas


def sees_key(house: House, actor: Actor, key: str) -> bool:
    """Whether a device exists for this actor."""
    try:
        return sees(actor, house.register.device(key))
    except UnknownDevice:
        return actor.areas is None


def device_for(house: House, actor: Actor, key: str, role: Role = Role.VIEWER) -> Device:
    """The device, if this actor holds `role` over it. One that may not be seen does not exist (NotFound)."""
    try:
        device = house.register.device(key)
    except UnknownDevice:
        device = None
    if device is None or not sees(actor, device):
        raise UnknownDevice(f"there is no device {key!r}")
    if actor.role < role:
        raise NotPermitted(f"this needs the role {role.word} in {device.area or 'every area'}")
    return device


def everywhere(actor: Actor) -> Actor:
    """NotPermitted unless the actor's role holds in all areas (things that belong to no area)."""
    if actor.areas is not None:
        raise NotPermitted("this needs rights in all areas")
    return actor


def refuse_foreign(request: Request) -> None:
    """ForgeryRefused when the browser says that another site made this request. Also for forms before sign-in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForgeryRefused
    origin = request.headers.get("origin")
    if origin and (origin == "null" or urlsplit(origin).netloc != request.headers.get("host", "")):
        raise ForgeryRefused


async def _check_csrf(request: Request, visitor: Visitor) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        field = (await request.form()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    if not given or not same(given, visitor.csrf):
        raise ForgeryRefused


__all__ = [
    "COOKIE",
    "CSRF_FIELD",
    "CSRF_HEADER",
    "ActorDep",
    "HouseDep",
    "NotFound",
    "VisitorDep",
    "again",
    "current_actor",
    "device_for",
    "everywhere",
    "origin_of",
    "refuse_foreign",
    "require",
    "sees",
    "sees_key",
    "the_house",
    "visitor_of",
    "visitor_or_none",
]
