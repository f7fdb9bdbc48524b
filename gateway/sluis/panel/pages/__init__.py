"""The panel's pages: server-rendered, over the same services and rights as the API.

`build_app` calls `install` last, after the API's routes. A page asks the `House`, makes view models (`views`, `site`)
and draws a template from `dashboards/panel/templates`. Forms post to pages and are answered with a redirect; with
scripts, htmx swaps the parts that change. Live values come over the API's stream.
"""

from __future__ import annotations

from fastapi import FastAPI

from sluis.panel.pages import (
    adding,
    alerts,
    assets,
    bench,
    cards,
    devices,
    discovered,
    drivers,
    entrance,
    home,
    links,
    node_adopt,
    node_faults,
    node_updates,
    nodes,
    paths,
    people,
    rollouts,
    rules,
    system,
    walks,
)
from sluis.panel.pages.energy import EnergyCard


def install(app: FastAPI) -> None:
    """Add the pages, static files and the error page to the application."""
    app.state.error_page = entrance.error_page
    app.state.energy = EnergyCard(app.state.settings.main_meters)
    for room in (
        assets,
        entrance,
        home,
        adding,
        devices,
        node_adopt,
        nodes,
        node_faults,
        node_updates,
        cards,
        walks,
        paths,
        discovered,
        bench,
        alerts,
        rollouts,
        rules,
        people,
        system,
        drivers,
        links,
    ):
        app.include_router(room.router)
