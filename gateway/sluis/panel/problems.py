"""Errors as problem+json (RFC 9457), each with its stable code and what to do about it.

A page (not under `/api/`) gets a page instead: the pages register `app.state.error_page`; a stranger is sent to
sign in, or to set up the gateway when nobody has yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sluis.model import (
    AlreadyThere,
    BundleError,
    CommandError,
    ConfigError,
    Expired,
    LastAdmin,
    LinkError,
    ProvisionError,
    ReadOnly,
    Refused,
    Retry,
    SluisError,
    StoreError,
)
from sluis.model.wiring import WrongWiring
from sluis.panel.errors import NotSignedIn, PanelError, Throttled

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DOCS = "urn:sluis:error:"
"""Start of `type`; the code follows. Every code has a heading in docs/reference/errors.md."""

STATUS: tuple[tuple[type[SluisError], int], ...] = (
    (AlreadyThere, 409),
    (LastAdmin, 409),
    (ProvisionError, 409),
    (ReadOnly, 409),
    (Refused, 403),
    (Expired, 504),
    (BundleError, 409),
    (CommandError, 422),
    (ConfigError, 422),
    (LinkError, 503),
    (StoreError, 503),
)
"""HTTP status of errors from other rooms; the first that fits counts."""

CODES = {400: "api", 404: "not-found", 405: "api.method", 413: "api.too-large", 415: "api.media-type"}


class FieldProblem(BaseModel):
    """One field that is not as it must be."""

    field: str = Field(examples=["body.area"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """What went wrong (RFC 9457), in a sentence, with what to do."""

    type: str = Field(examples=[DOCS + "device.unknown"])
    title: str = Field(examples=["there is no device 'boiler'"])
    status: int = Field(examples=[404])
    code: str = Field(description="Stable; see the errors page.", examples=["device.unknown"])
    hint: str = Field(default="", examples=["List the devices with: sluis devices"])
    retry: str = Field(default="never", description="Whether the same request can succeed: never, later or now.")
    instance: str = Field(default="", examples=["/api/v1/devices/boiler"])
    errors: list[FieldProblem] | None = None


ErrorPage = Callable[[Request, Problem], Response]


def status_of(error: SluisError) -> int:
    if isinstance(error, PanelError):
        return error.status
    if isinstance(error, LookupError):
        return 404
    if isinstance(error, CommandError) and error.retry is not Retry.NEVER and not isinstance(error, Expired):
        return 409
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem_of(request: Request, error: SluisError, errors: list[FieldProblem] | None = None) -> Problem:
    """An error of ours as a Problem."""
    if isinstance(error, WrongWiring):
        errors = [FieldProblem(field=one.where, message=one.what[:300]) for one in error.faults[:50]]
    return Problem(
        type=DOCS + error.code,
        title=str(error).split("\n\n")[0],
        status=status_of(error),
        code=error.code,
        hint=error.hint,
        retry=error.retry.value,
        instance=request.url.path,
        errors=errors,
    )


def respond(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The Problem as the asker wants it: JSON for the API, a page for people."""
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and wants_page(request):
        answer = page(request, problem)
        for name, value in (headers or {}).items():
            answer.headers[name] = value
        return answer
    body = problem.model_dump(exclude_none=True)
    return JSONResponse(body, problem.status, dict(headers or {}), media_type=MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    return not request.url.path.startswith(("/api/", "/metrics", "/healthz", "/readyz"))


def install(app: FastAPI) -> None:
    """Give every error of this app its form."""
    app.add_exception_handler(SluisError, _sluis_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


async def _sluis_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SluisError)
    if isinstance(error, NotSignedIn) and wants_page(request):
        if request.app.state.house.door.needs_setup:
            return RedirectResponse("/set-up", 303)
        there = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/sign-in?next={quote(there)}", 303)
    headers = {"Retry-After": str(max(1, round(error.wait_s)))} if isinstance(error, Throttled) else {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    problem = problem_of(request, error)
    if problem.status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error)
    return respond(request, problem, headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [FieldProblem(field=_path(one["loc"]), message=str(one["msg"])[:300]) for one in error.errors()[:20]]
    problem = Problem(
        type=DOCS + "api.invalid",
        title=f"{fields[0].field}: {fields[0].message}" if fields else "the request is not valid",
        status=422,
        code="api.invalid",
        hint="See the fields named in `errors`, and the API's description at /api/v1/openapi.json.",
        instance=request.url.path,
        errors=fields,
    )
    return respond(request, problem)


def _path(parts: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:60] for part in parts)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, SluisError):  # FastAPI calls whatever stops it reading a body a 400
        return await _sluis_error(request, error.__cause__)
    code = CODES.get(error.status_code, "api")
    problem = Problem(
        type=DOCS + code,
        title=str(error.detail),
        status=error.status_code,
        code=code,
        hint="The API is described at /api/v1/openapi.json." if error.status_code in (404, 405) else "",
        instance=request.url.path,
    )
    return respond(request, problem, error.headers)


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: logged with its traceback by the server, shown as a sentence."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    problem = Problem(
        type=DOCS + "fault",
        title="the gateway made a mistake; it is in its log",
        status=500,
        code="fault",
        hint="Report it with the gateway's log (journalctl -u sluis).",
        instance=request.url.path,
    )
    return respond(request, problem)
