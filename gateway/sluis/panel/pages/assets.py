"""The built assets: hashed names, served compressed and for ever."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from sluis.model import NotFound
from sluis.panel.errors import NotAvailable
from sluis.shared import shared_dir

router = APIRouter()

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

FOR_EVER = "public, max-age=31536000, immutable"
"""A changed file has another name."""


def dist() -> Path:
    return shared_dir("dashboards") / "panel" / "dist"


@cache
def _manifest(path: Path, changed_ns: int) -> dict[str, str]:
    names: dict[str, str] = json.loads(path.read_text())
    return names


def asset(name: str) -> str:
    """The address of a built asset (`panel.ts`, `icons.svg`). NotAvailable when the panel was not built."""
    path = dist() / "manifest.json"
    try:
        return "/static/" + _manifest(path, path.stat().st_mtime_ns)[name]
    except (FileNotFoundError, KeyError):
        raise NotAvailable("the panel's pages were not built", hint="In a checkout: make panel.") from None


@router.get("/static/{name}", include_in_schema=False)
async def get_asset(name: str, request: Request) -> Response:
    """One built file, gzipped for whoever takes that."""
    path = dist() / name
    if "/" in name or path.suffix not in TYPES or not path.is_file():
        raise NotFound(f"there is no file {name!r}")
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    packed = path.with_name(name + ".gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        path = packed
        headers["Content-Encoding"] = "gzip"
    return FileResponse(path, headers=headers, media_type=TYPES[Path(name).suffix])
