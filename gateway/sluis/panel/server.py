"""The web application: API, live stream, health, metrics and the pages, in front of a `House`."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from sluis.panel import problems
from sluis.panel.headers import BodyLimit, SecurityHeaders
from sluis.panel.ports import House
from sluis.panel.settings import PanelSettings
from sluis.panel.stream import Hub


def build_app(house: House, settings: PanelSettings) -> FastAPI:
    """The whole application. `app.state.house`, `.settings` and `.hub` are what its routes stand on.

    The caller runs `app.state.hub.run()` beside the server: it feeds the live streams.
    """
    app = FastAPI(
        title="Sluis",
        version=version("sluis"),
        summary="The gate between the things in a building and the people who look after them.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.settings = settings
    app.state.hub = Hub(house, settings)
    problems.install(app)
    for router in routers():
        app.include_router(router)
    _install_pages(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(SecurityHeaders)
    return app


def routers() -> list[APIRouter]:
    return []


def _install_pages(app: FastAPI) -> None:
    """The pages are another room's work within the panel; without them this is the API alone."""
    from sluis.panel.pages import install

    install(app)
