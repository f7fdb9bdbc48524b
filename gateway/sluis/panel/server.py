"""The web application: API, live stream, health, metrics and the pages, in front of a `House`."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from sluis.panel import pages, problems
from sluis.panel.api import (
    accounts,
    alerts,
    asset_register,
    audit,
    bench,
    broker,
    bundles,
    commands,
    devices,
    drivers,
    health,
    links,
    live,
    node_pages,
    node_updates,
    nodes,
    papers,
    points,
    recordings,
    releases,
    rollouts,
    rules,
    scan,
    system,
    tokens,
    users,
    wellness,
    wiring,
)
from sluis.panel.description import describe
from sluis.panel.headers import BodyLimit, SecurityHeaders
from sluis.panel.ports import House
from sluis.panel.settings import PanelSettings
from sluis.panel.stream import Hub

ROUTERS: tuple[APIRouter, ...] = (
    accounts.router,
    users.router,
    tokens.router,
    devices.router,
    wellness.router,
    scan.router,
    points.router,
    papers.router,
    asset_register.router,
    commands.router,
    alerts.router,
    rules.router,
    audit.router,
    system.router,
    links.router,
    drivers.router,
    recordings.router,
    broker.router,
    nodes.router,
    node_pages.router,
    node_updates.router,
    wiring.router,
    bench.router,
    bundles.router,
    releases.router,
    rollouts.router,
    live.router,
    health.router,
)


def build_app(house: House, settings: PanelSettings) -> FastAPI:
    """The whole application. `app.state.house`, `.settings` and `.hub` are what its routes stand on.

    The caller runs `app.state.hub.run()` beside the server (`PanelServer` does): it feeds the live streams.
    """
    app = FastAPI(
        title="Sluis",
        version=version("sluis"),
        summary="The gate between the things in a building and the people who look after them.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.house = house
    app.state.settings = settings
    app.state.hub = Hub(house, settings)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    pages.install(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, patience_s=settings.request_s)
    app.add_middleware(SecurityHeaders)
    return app
