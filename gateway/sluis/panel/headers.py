"""Middleware: security headers on every answer, and a limit on what a request may send."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sluis.panel.errors import TooLarge, TooSlow
from sluis.panel.problems import DOCS, MEDIA_TYPE

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
"""Nothing from elsewhere, nothing inline. Images may be data: because QR codes are drawn in the page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=(self), serial=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

HSTS = "max-age=31536000"
"""A year, as browsers' own lists ask. Without includeSubDomains: the neighbours of `sluis.local` are not ours."""


class SecurityHeaders:
    """Adds `HEADERS`, HSTS on TLS, and keeps API answers out of caches unless they say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


class BodyLimit:
    """Refuses bodies over `limit` bytes: at once when the length is declared, else when it is reached; and bodies that
    pause for longer than `patience_s`."""

    def __init__(self, app: ASGIApp, limit: int, patience_s: float) -> None:
        self._app = app
        self._limit = limit
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await _refuse(send, scope["path"], self._limit)
            return
        taken, whole = 0, False

        async def counted() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout(self._patience_s):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(f"a request may send {self._limit} bytes")
            return message

        await self._app(scope, counted, send)


async def _refuse(send: Send, path: str, limit: int) -> None:
    body = msgspec.json.encode(
        {
            "type": DOCS + TooLarge.code,
            "title": f"a request may send {limit} bytes",
            "status": TooLarge.status,
            "code": TooLarge.code,
            "hint": "",
            "retry": "never",
            "instance": path,
        }
    )
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": TooLarge.status, "headers": [*headers, (b"connection", b"close")]}
    )
    await send({"type": "http.response.body", "body": body})
