"""The panel's pages. `build_app` calls `install` last, after the API's routes."""

from __future__ import annotations

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Add the pages, static files and the error page to the application."""
