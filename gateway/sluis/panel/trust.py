"""The plain HTTP listener: hands out the site's CA certificate with a guide to trust it, and redirects all else.

Nothing else is served here, no cookie is ever sent here, and the guide shows the certificate's fingerprint so that a
careful person can compare it with the one printed on the gateway's console.
"""

from __future__ import annotations

import re
import tomllib
from html import escape
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sluis.panel.headers import SecurityHeaders
from sluis.panel.settings import PanelSettings

NAME = re.compile(r"^[A-Za-z0-9.-]{1,253}$|^\[[0-9a-fA-F:.]{2,45}\]$")
"""A host that may stand in a redirect: nothing that could carry a header or another site's markup."""

CERTIFICATE_TYPE = "application/x-x509-ca-cert"

GUIDE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("trust_guide.toml").read_text("utf-8"))


def trust_app(ca: Path, settings: PanelSettings, https_port: int, state: State) -> SecurityHeaders:
    """The plain listener's application. Pages may offer a nicer guide: `state.trust_page(request) -> Response`."""
    pem = ca.read_bytes()
    fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex(":").upper()

    async def certificate(request: Request) -> Response:
        name = {"Content-Disposition": 'attachment; filename="sluis-ca.crt"'}
        return Response(pem, media_type=CERTIFICATE_TYPE, headers=name)

    async def guide(request: Request) -> Response:
        nicer = getattr(state, "trust_page", None)
        if nicer is not None:
            answer: Response = nicer(request)
            return answer
        panel = f"https://{host_of(request, settings)}:{https_port}/"
        return HTMLResponse(_guide(language_of(request, settings), fingerprint, panel))

    async def elsewhere(request: Request) -> Response:
        target = f"https://{host_of(request, settings)}:{https_port}{request.url.path}"
        return RedirectResponse(target + (f"?{request.url.query}" if request.url.query else ""), 307)

    routes = [
        Route("/ca.crt", certificate),
        Route("/trust", guide),
        Route("/{path:path}", elsewhere, methods=["GET"]),
    ]
    return SecurityHeaders(Starlette(routes=routes))


def host_of(request: Request, settings: PanelSettings) -> str:
    """The name the asker used, or the gateway's own when that is no name at all."""
    host = request.headers.get("host", "")
    name = re.sub(r":\d*$", "", host)
    return name if NAME.match(name) else settings.hostname


def language_of(request: Request, settings: PanelSettings) -> str:
    """`nl` or `en`, whichever the browser names first."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        if part.strip()[:2] in GUIDE:
            return part.strip()[:2]
    return settings.default_language if settings.default_language in GUIDE else "en"


def _guide(language: str, fingerprint: str, panel: str) -> str:
    words = GUIDE[language]
    steps = "".join(f"<h2>{escape(one['name'])}</h2><p>{escape(one['steps'])}</p>" for one in words["systems"])
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(words["title"])}</title>'
        f"<main><h1>{escape(words['title'])}</h1><p>{escape(words['intro'])}</p>"
        f'<p><a href="/ca.crt" download>{escape(words["get"])}</a></p>'
        f"<p>{escape(words['fingerprint'])}<br><code>{fingerprint}</code></p>{steps}"
        f'<p><a href="{escape(panel)}">{escape(words["onward"])}</a></p></main></html>'
    )
