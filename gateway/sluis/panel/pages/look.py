"""What a person chose for this browser: language, theme, density. Kept in one cookie; nothing secret."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from sluis.panel.i18n import LANGUAGES, Tongue, choose, tongue
from sluis.panel.visitor import Visitor

COOKIE = "sluis-look"
YEAR_S = 365 * 86_400

THEMES = ("auto", "light", "dark")
DENSITIES = ("comfort", "compact", "kiosk")


@dataclass(frozen=True, slots=True)
class Look:
    """How this browser shows pages."""

    language: str = ""
    theme: str = "auto"
    density: str = "comfort"

    def cookie(self) -> str:
        return f"{self.language}.{self.theme}.{self.density}"


def look_of(request: Request) -> Look:
    """From the cookie; `?density=kiosk` in the address wins (for the start page of a wall tablet)."""
    language, theme, density, *_ = [*request.cookies.get(COOKIE, "").split("."), "", "", ""]
    density = request.query_params.get("density", density)
    return Look(
        language if language in LANGUAGES else "",
        theme if theme in THEMES else "auto",
        density if density in DENSITIES else "comfort",
    )


def keep(response: Response, look: Look, *, secure: bool) -> None:
    response.set_cookie(COOKIE, look.cookie(), max_age=YEAR_S, path="/", secure=secure, httponly=True, samesite="lax")


def tongue_of(request: Request, visitor: Visitor | None) -> Tongue:
    """The language for this request: the person's own, this browser's choice, what the browser asks, the default."""
    own = visitor.user.language if visitor and visitor.user else ""
    default: str = request.app.state.settings.default_language
    return tongue(choose((look_of(request).language, own), request.headers.get("accept-language", ""), default))
