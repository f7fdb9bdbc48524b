"""The OpenAPI description, made to say what really happens: problem+json errors, how to sign in, CSRF."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from sluis.panel.auth import COOKIE, CSRF_HEADER
from sluis.panel.problems import MEDIA_TYPE, Problem

PATH = "/api/v1/openapi.json"

OPEN = {"set_up", "sign_in", "get_alive", "get_ready"}
"""Operations that need nobody to be signed in."""

COMMON = {"401": "Not signed in.", "403": "Not permitted.", "429": "Too many tries.", "503": "A part is not there."}
WITH_PATH = {"404": "There is no such thing, or you may not see it."}
WITH_BODY = {
    "408": "The body stopped coming.",
    "409": "It cannot be done as things are.",
    "412": "Changed meanwhile.",
    "413": "Too large.",
    "504": "The device did not do it in time.",
}
INVALID = {"422": "The request does not say what it must."}

SIGN_IN = """\
Programs send an API token: `Authorization: Bearer slu_...`. Browsers have a session cookie, and send its CSRF token
(from `GET /api/v1/session`) as `X-CSRF-Token` with every write. Times are microseconds since 1970-01-01 UTC. Lists
come in pages: hand `next` back as `cursor`. Errors are problem+json (RFC 9457) with a stable `code` and a `hint`.
"""


class Description:
    """The description as bytes, made once, off the event loop: it takes most of a second on a small board."""

    def __init__(self) -> None:
        self._body = b""
        self._making = asyncio.Lock()

    async def body(self, app: FastAPI) -> bytes:
        async with self._making:
            if not self._body:
                self._body = await asyncio.to_thread(lambda: msgspec.json.encode(app.openapi()))
        return self._body


def describe(app: FastAPI) -> None:
    """Serve the description, and make the app's `openapi` tell the whole truth."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the description
    made = Description()

    @app.get(PATH, include_in_schema=False)
    async def get_description() -> Response:
        return Response(await made.body(app), media_type="application/json")


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=SIGN_IN, routes=app.routes
    )
    parts = made.setdefault("components", {})
    parts.setdefault("schemas", {}).update(_problem_schemas())
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "slu_..."},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
    }
    for operations in made["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation)
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    return made


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    return {**inner, "Problem": schema}


def _complete(method: str, operation: dict[str, Any]) -> None:
    writes = method not in ("get", "head")
    if operation["operationId"] not in OPEN:
        session: dict[str, list[str]] = {"session": [], "csrf": []} if writes else {"session": []}
        operation["security"] = [{"token": []}, session]
    answers = operation["responses"]
    answers.pop("422", None)
    for status, words in _errors(operation, writes).items():
        answers.setdefault(status, _problem(words))


def _errors(operation: dict[str, Any], writes: bool) -> dict[str, str]:
    errors = dict(COMMON)
    parameters = operation.get("parameters", [])
    if parameters or "requestBody" in operation:
        errors |= INVALID
    if any(one["in"] in ("path", "query") for one in parameters) or writes:
        errors |= WITH_PATH
    if writes:
        errors |= WITH_BODY | {"400": "The body cannot be read."}
    return errors


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}
