"""Draws pages: Jinja2 with the reader's language, the visitor's rights, and what every page needs."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sluis.model import Role
from sluis.panel.i18n import N_, Tongue, tongue
from sluis.panel.pages import toast, words
from sluis.panel.pages.assets import asset
from sluis.panel.pages.look import DENSITIES, THEMES, look_of, tongue_of
from sluis.panel.ports import House
from sluis.panel.visitor import Visitor
from sluis.shared import shared_dir

PACK_FROM = 1_000
"""Bytes from which a page is gzipped: under one network packet there is nothing to win."""

LIVE_WORDS = {
    "live": N_("live"),
    "not-live": N_("no connection"),
    "on": N_("on"),
    "off": N_("off"),
    "online": N_("online"),
    "offline": N_("offline"),
    "unknown": N_("unknown"),
    "old": N_("measured %(age)s"),
    "uncertain": N_("uncertain"),
    "bad": N_("not a good measurement"),
    "copied": N_("Copied"),
    "pause": N_("Pause"),
    "resume": N_("Go on"),
    "loading": N_("Loading…"),
    "span": N_("Period"),
    "span-1h": N_("1 h"),
    "span-24h": N_("24 h"),
    "span-7d": N_("7 d"),
    "span-30d": N_("30 d"),
    "span-1y": N_("1 y"),
    "chart-empty": N_("No readings in this period."),
    "chart-problem": N_("The history could not be read; this is tried again by itself."),
    "chart-summary": N_(
        "Lowest %(low)s (%(low_at)s), highest %(high)s (%(high_at)s), mean %(mean)s; %(count)s readings."
    ),
    "chart-switch": N_("Now %(last)s; %(count)s readings."),
    "chart-table": N_("As a table"),
    "time": N_("Time"),
    "value": N_("Value"),
    "min": N_("Lowest"),
    "mean": N_("Mean"),
    "max": N_("Highest"),
    "no-camera": N_("The camera cannot be used. Type the number on the label instead."),
}
"""What the page's scripts say."""


@cache
def environment(language: str) -> Environment:
    """Templates that speak `language`. Values are escaped; a missing one is an error, not a blank."""
    speech = tongue(language)
    env = Environment(
        loader=FileSystemLoader(shared_dir("dashboards") / "panel" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
        speech, speech.plural, newstyle=False
    )
    env.globals.update(tongue=speech, t=speech, n=speech.plural, asset=asset, words=words, Role=Role)
    return env


async def page(request: Request, template: str, *, status: int = 200, section: str = "", **more: Any) -> Response:
    """A whole page for whoever asks."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    house: House = request.app.state.house
    opened = len(await open_alerts(house, visitor)) if visitor else 0
    return draw(request, template, visitor, status=status, section=section, opened=opened, **more)


def part(request: Request, template: str, **more: Any) -> Response:
    """A piece of a page, for htmx."""
    return draw(request, template, getattr(request.state, "visitor", None), **more)


def draw(
    request: Request,
    template: str,
    visitor: Visitor | None,
    *,
    status: int = 200,
    section: str = "",
    opened: int = 0,
    **more: Any,
) -> Response:
    """Fill a template in. Needs no services, so that error pages work when those do not."""
    speech = tongue_of(request, visitor)
    house: House = request.app.state.house
    told = toast.toast_of(request)
    text = (
        environment(speech.language)
        .get_template(template)
        .render(
            request=request,
            visitor=visitor,
            me=visitor.actor if visitor else None,
            role=visitor.actor.role if visitor else 0,
            everywhere=visitor is not None and visitor.actor.areas is None,
            csrf=visitor.csrf if visitor else "",
            look=look_of(request),
            themes=THEMES,
            densities=DENSITIES,
            site=request.app.state.settings.site_name,
            section=section,
            opened=opened,
            told=told,
            sentences=toast.SENTENCES,
            live_words={key: speech(text) for key, text in _live_words().items()},
            now_us=house.clock.stamp().at_us,
            **more,
        )
    )
    response = _packed(request, text, status)
    if told is not None and "hx-request" not in request.headers:
        response.delete_cookie(toast.COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


@cache
def _live_words() -> dict[str, str]:
    return LIVE_WORDS | {f"stage-{stage}": text for stage, text in words.STAGES.items()}


def _packed(request: Request, text: str, status: int) -> Response:
    body = text.encode()
    headers = {"Vary": "Accept-Encoding, Cookie"}
    if len(body) > PACK_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, headers)


async def open_alerts(house: House, visitor: Visitor) -> list[Any]:
    """The open alerts this visitor may see."""
    from sluis.panel.api.alerts import may_see

    return [alert for alert in await house.alerts.open() if may_see(house, visitor.actor, alert)]


def speech_of(request: Request) -> Tongue:
    """The language of whoever asks."""
    return tongue_of(request, getattr(request.state, "visitor", None))
