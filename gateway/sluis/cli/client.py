"""A small client of the gateway's API. Errors arrive as sentences with a hint."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from sluis.cli.lazy import EXIT_FINDING, EXIT_REFUSED
from sluis.cli.where import Unreachable
from sluis.model import SluisError

TIMEOUT_S = 30.0
STREAM_SILENCE_S = 15.0
"""The stream has a heartbeat every 2 s; silence longer than this means that the gateway is gone."""
REFUSALS = frozenset({401, 403, 409, 412, 422, 429})


class ApiError(SluisError):
    """The gateway answered with an error."""

    code = "cli.api"
    exit_code: int = EXIT_FINDING

    def __init__(self, sentence: str, hint: str, status: int, api_code: str) -> None:
        super().__init__(sentence, hint=hint)
        self.status = status
        self.api_code = api_code
        self.exit_code = EXIT_REFUSED if status in REFUSALS else EXIT_FINDING


class Client:
    """Talks to one gateway. Use as a context."""

    prefix: ClassVar[str] = "/api/v1"

    def __init__(self, url: str, token: str, ca: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url + self.prefix,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "sluis-cli"},
            verify=trust(ca),
            timeout=TIMEOUT_S,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, *path: str, **params: Any) -> Any:
        return self._ask("GET", path, params=given(params))

    def post(self, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._ask("POST", path, json=dict(body or {}))

    def patch(self, *path: str, body: Mapping[str, Any]) -> Any:
        return self._ask("PATCH", path, json=dict(body))

    def put(self, *path: str, body: Mapping[str, Any] | None = None, **params: Any) -> Any:
        return self._ask("PUT", path, json=dict(body or {}), params=given(params))

    def delete(self, *path: str, **params: Any) -> Any:
        return self._ask("DELETE", path, params=given(params))

    def every(self, *path: str, limit: int | None = None, **params: Any) -> list[Any]:
        """All items of a list that comes in pages; at most `limit`."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(*path, cursor=cursor, **params)
            if not isinstance(page, dict):
                return list(page)
            items += page["items"]
            cursor = page.get("next")
            if not cursor or (limit is not None and len(items) >= limit):
                return items[:limit]

    def stream(self, **params: Any) -> Iterator[tuple[str, Any]]:
        """(event, content) of the live stream, until it ends."""
        timeout = httpx.Timeout(TIMEOUT_S, read=STREAM_SILENCE_S)
        try:
            with self._http.stream("GET", "/stream", params=given(params), timeout=timeout) as response:
                if response.is_error:
                    response.read()
                    raise problem(response)
                yield from events(response.iter_lines())
        except httpx.TransportError as error:
            raise Unreachable(f"lost the gateway at {self.url}: {error}") from error

    def fetch(self, method: str, *path: str, **options: Any) -> bytes:
        """An answer that is a file: a PDF, a picture, a certificate."""
        options["params"] = given(options.get("params") or {})
        return self._answer(method, path, **options).content

    def _ask(self, method: str, path: tuple[str, ...], **options: Any) -> Any:
        response = self._answer(method, path, **options)
        return response.json() if response.content else None

    def _answer(self, method: str, path: tuple[str, ...], **options: Any) -> httpx.Response:
        where = "/" + "/".join(quote(str(part), safe="") for part in path)
        try:
            response = self._http.request(method, where, **options)
        except httpx.TransportError as error:
            raise Unreachable(f"no answer from the gateway at {self.url}: {error}") from error
        if response.is_error:
            raise problem(response)
        return response


def trust(ca: Path | None) -> ssl.SSLContext:
    """Trust the site CA where one is given, else what the system trusts."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"cannot use the site CA {ca}: {error}") from error


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None and value != ""}


def problem(response: httpx.Response) -> ApiError:
    """An error answer (problem+json) as an exception."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    sentence = str(body.get("title") or f"the gateway answered {response.status_code}")
    fields = [f"{each.get('field')}: {each.get('message')}" for each in body.get("errors") or []]
    if fields:
        sentence += " (" + "; ".join(fields) + ")"
    return ApiError(sentence, str(body.get("hint") or ""), response.status_code, str(body.get("code") or ""))


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events from their lines (WHATWG HTML, Server-sent events)."""
    name = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "message", []
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
