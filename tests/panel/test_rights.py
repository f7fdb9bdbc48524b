"""Every route by every role: the whole matrix, and a route that is not in it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from sluis.model import Role
from sluis.panel.server import ROUTERS
from tests.panel.conftest import Site

NOBODY = 0
"""Routes anyone may call."""

RIGHTS: dict[str, int] = {
    "POST /api/v1/set-up": NOBODY,
    "POST /api/v1/session": NOBODY,
    "GET /healthz": NOBODY,
    "GET /readyz": NOBODY,
    "GET /metrics": Role.VIEWER,
    "GET /api/v1/session": Role.VIEWER,
    "DELETE /api/v1/session": Role.VIEWER,
    "POST /api/v1/session/password": Role.VIEWER,
    "GET /api/v1/sessions": Role.VIEWER,
    "DELETE /api/v1/sessions/{session}": Role.VIEWER,
    "GET /api/v1/devices": Role.VIEWER,
    "GET /api/v1/devices/{device}": Role.VIEWER,
    "GET /api/v1/devices/{device}/points": Role.VIEWER,
    "GET /api/v1/devices/{device}/thing": Role.VIEWER,
    "GET /api/v1/devices/{device}/health": Role.VIEWER,
    "GET /api/v1/health": Role.VIEWER,
    "GET /api/v1/areas": Role.VIEWER,
    "GET /api/v1/asset-register": Role.VIEWER,
    "GET /api/v1/asset-register.csv": Role.VIEWER,
    "GET /api/v1/values": Role.VIEWER,
    "GET /api/v1/points/{device}/{point}": Role.VIEWER,
    "GET /api/v1/points/{device}/{point}/readings": Role.VIEWER,
    "GET /api/v1/points/{device}/{point}/series": Role.VIEWER,
    "GET /api/v1/points/{device}/{point}/why": Role.VIEWER,
    "GET /api/v1/commands": Role.VIEWER,
    "GET /api/v1/commands/{command}": Role.VIEWER,
    "GET /api/v1/alerts": Role.VIEWER,
    "GET /api/v1/alerts/{alert}": Role.VIEWER,
    "GET /api/v1/stream": Role.VIEWER,
    "PUT /api/v1/points/{device}/{point}": Role.OPERATOR,
    "POST /api/v1/commands": Role.OPERATOR,
    "POST /api/v1/alerts/{alert}/acknowledge": Role.OPERATOR,
    "POST /api/v1/alerts/{alert}/note": Role.OPERATOR,
    "POST /api/v1/alerts/{alert}/assign": Role.OPERATOR,
    "POST /api/v1/devices": Role.TECHNICIAN,
    "PATCH /api/v1/devices/{device}/setup": Role.TECHNICIAN,
    "PUT /api/v1/links/{link}/recording": Role.TECHNICIAN,
    "DELETE /api/v1/links/{link}/recording": Role.TECHNICIAN,
    "POST /api/v1/devices/{device}/same-as": Role.TECHNICIAN,
    "DELETE /api/v1/devices/{device}/same-as": Role.TECHNICIAN,
    "POST /api/v1/scan": Role.TECHNICIAN,
    "GET /api/v1/scan": Role.TECHNICIAN,
    "GET /api/v1/discovered": Role.TECHNICIAN,
    "POST /api/v1/discovered/{device}/adopt": Role.TECHNICIAN,
    "POST /api/v1/discovered/{device}/ignore": Role.TECHNICIAN,
    "PATCH /api/v1/devices/{device}": Role.TECHNICIAN,
    "POST /api/v1/devices/{device}/retire": Role.TECHNICIAN,
    "POST /api/v1/devices/{device}/rediscover": Role.TECHNICIAN,
    "GET /api/v1/devices/{device}/frames": Role.TECHNICIAN,
    "GET /api/v1/devices/{device}/counters": Role.TECHNICIAN,
    "GET /api/v1/rules": Role.TECHNICIAN,
    "GET /api/v1/rules/{rule}": Role.TECHNICIAN,
    "GET /api/v1/rules/{rule}/versions": Role.TECHNICIAN,
    "PUT /api/v1/rules/{rule}": Role.TECHNICIAN,
    "DELETE /api/v1/rules/{rule}": Role.TECHNICIAN,
    "GET /api/v1/system": Role.TECHNICIAN,
    "GET /api/v1/links": Role.TECHNICIAN,
    "GET /api/v1/links/steps": Role.TECHNICIAN,
    "GET /api/v1/links/rungs": Role.TECHNICIAN,
    "GET /api/v1/drivers": Role.TECHNICIAN,
    "GET /api/v1/drivers/{driver}/faults": Role.TECHNICIAN,
    "POST /api/v1/drivers/{driver}/release": Role.TECHNICIAN,
    "GET /api/v1/links/{link}/recording": Role.TECHNICIAN,
    "GET /api/v1/storage": Role.TECHNICIAN,
    "GET /api/v1/broker/accounts": Role.TECHNICIAN,
    "POST /api/v1/broker/accounts": Role.TECHNICIAN,
    "DELETE /api/v1/broker/accounts/{username}": Role.TECHNICIAN,
    "GET /api/v1/label-stock": Role.VIEWER,
    "GET /api/v1/labels": Role.VIEWER,
    "GET /api/v1/devices/{device}/label": Role.VIEWER,
    "GET /api/v1/devices/{device}/card": Role.VIEWER,
    "GET /api/v1/devices/{device}/card.pdf": Role.VIEWER,
    "PUT /api/v1/devices/{device}/card": Role.TECHNICIAN,
    "DELETE /api/v1/devices/{device}/card": Role.TECHNICIAN,
    "GET /api/v1/open-areas": Role.TECHNICIAN,
    "PUT /api/v1/open-areas": Role.TECHNICIAN,
    "GET /api/v1/walks": Role.TECHNICIAN,
    "POST /api/v1/walks": Role.TECHNICIAN,
    "GET /api/v1/walks/{walk}": Role.TECHNICIAN,
    "DELETE /api/v1/walks/{walk}": Role.TECHNICIAN,
    "POST /api/v1/walks/{walk}/steps/{number}/attempt": Role.TECHNICIAN,
    "PUT /api/v1/walks/{walk}/steps/{number}": Role.TECHNICIAN,
    "POST /api/v1/walks/{walk}/sign": Role.TECHNICIAN,
    "GET /api/v1/walks/{walk}/certificate": Role.TECHNICIAN,
    "POST /api/v1/walks/{walk}/report": Role.TECHNICIAN,
    "POST /api/v1/devices/{device}/replace": Role.TECHNICIAN,
    "GET /api/v1/nodes": Role.TECHNICIAN,
    "POST /api/v1/nodes": Role.TECHNICIAN,
    "POST /api/v1/nodes/adopt": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}/label": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}/update": Role.TECHNICIAN,
    "GET /api/v1/rollouts": Role.TECHNICIAN,
    "POST /api/v1/rollouts": Role.ADMIN,
    "POST /api/v1/rollouts/forecast": Role.TECHNICIAN,
    "GET /api/v1/rollouts/{rollout}": Role.TECHNICIAN,
    "POST /api/v1/rollouts/{rollout}/{what}": Role.ADMIN,
    "POST /api/v1/nodes/{node}/update": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/update/undo": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}": Role.TECHNICIAN,
    "DELETE /api/v1/nodes/{node}": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/rotate": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/revoke": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/replace": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/test": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/identify": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}/config": Role.TECHNICIAN,
    "PUT /api/v1/nodes/{node}/config": Role.TECHNICIAN,
    "POST /api/v1/nodes/{node}/config/check": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}/config/trial": Role.TECHNICIAN,
    "GET /api/v1/node-parts": Role.TECHNICIAN,
    "GET /api/v1/nodes/{node}/page": Role.TECHNICIAN,
    "GET /api/v1/node-pages": Role.TECHNICIAN,
    "GET /api/v1/bench": Role.TECHNICIAN,
    "POST /api/v1/bench": Role.TECHNICIAN,
    "DELETE /api/v1/bench": Role.TECHNICIAN,
    "GET /api/v1/bench/sockets": Role.TECHNICIAN,
    "POST /api/v1/bench/look": Role.TECHNICIAN,
    "GET /api/v1/bench/choices": Role.TECHNICIAN,
    "POST /api/v1/bench/stop": Role.TECHNICIAN,
    "GET /api/v1/bench/report": Role.TECHNICIAN,
    "GET /api/v1/bench/report.pdf": Role.TECHNICIAN,
    "POST /api/v1/bench/place": Role.TECHNICIAN,
    "GET /api/v1/wifi-networks": Role.TECHNICIAN,
    "POST /api/v1/wifi-networks": Role.TECHNICIAN,
    "DELETE /api/v1/wifi-networks": Role.TECHNICIAN,
    "GET /api/v1/release-trust": Role.TECHNICIAN,
    "GET /api/v1/bundles": Role.TECHNICIAN,
    "POST /api/v1/bundles/look": Role.TECHNICIAN,
    "POST /api/v1/bundles/import": Role.TECHNICIAN,
    "POST /api/v1/bundles/upload": Role.TECHNICIAN,
    "GET /api/v1/bundles/{bundle}": Role.TECHNICIAN,
    "GET /api/v1/bundles/{bundle}/file": Role.TECHNICIAN,
    "DELETE /api/v1/bundles/{bundle}": Role.TECHNICIAN,
    "PUT /api/v1/release-trust": Role.ADMIN,
    "GET /api/v1/settings": Role.ADMIN,
    "GET /api/v1/backups": Role.ADMIN,
    "POST /api/v1/backups": Role.ADMIN,
    "POST /api/v1/backups/{name}/verify": Role.ADMIN,
    "GET /api/v1/update": Role.TECHNICIAN,
    "POST /api/v1/update/install": Role.ADMIN,
    "POST /api/v1/update/undo": Role.ADMIN,
    "GET /api/v1/users": Role.ADMIN,
    "POST /api/v1/users": Role.ADMIN,
    "GET /api/v1/users/{name}": Role.ADMIN,
    "PATCH /api/v1/users/{name}": Role.ADMIN,
    "PUT /api/v1/users/{name}/password": Role.ADMIN,
    "DELETE /api/v1/users/{name}": Role.ADMIN,
    "GET /api/v1/tokens": Role.ADMIN,
    "POST /api/v1/tokens": Role.ADMIN,
    "DELETE /api/v1/tokens/{name}": Role.ADMIN,
    "GET /api/v1/audit": Role.ADMIN,
    "GET /api/v1/audit/verify": Role.ADMIN,
}

BODIES = {
    "POST /api/v1/set-up": {"code": "AAAA-AAAA", "name": "eve", "password": "x"},
    "POST /api/v1/session": {"name": "eve", "password": "x"},
    "POST /api/v1/session/password": {"old": "x", "new": "y"},
    "POST /api/v1/commands": {"device": "nothing", "point": "x"},
    "POST /api/v1/alerts/{alert}/acknowledge": {},
    "POST /api/v1/alerts/{alert}/note": {},
    "POST /api/v1/alerts/{alert}/assign": {"owner": ""},
    "POST /api/v1/discovered/{device}/adopt": {"name": "x"},
    "PATCH /api/v1/devices/{device}": {},
    "POST /api/v1/devices": {"driver": "x", "link": "x", "address": "x"},
    "PATCH /api/v1/devices/{device}/setup": {"setup": {}},
    "POST /api/v1/scan": {},
    "POST /api/v1/devices/{device}/same-as": {"other": "x"},
    "PUT /api/v1/rules/{rule}": {},
    "POST /api/v1/broker/accounts": {"driver": "meter", "native_id": "nine"},
    "POST /api/v1/devices/{device}/replace": {"by": "x"},
    "PUT /api/v1/devices/{device}/card": {"text": "x"},
    "PUT /api/v1/open-areas": {"area": "x", "open": True},
    "POST /api/v1/walks": {"area": "x"},
    "PUT /api/v1/walks/{walk}/steps/{number}": {"outcome": "passed"},
    "POST /api/v1/nodes": {"id": "e661410403020100"},
    "POST /api/v1/nodes/adopt": {"setup_code": "x", "name": "x"},
    "POST /api/v1/nodes/{node}/update": {"bundle": "x"},
    "POST /api/v1/rollouts": {"bundle": "x"},
    "POST /api/v1/rollouts/forecast": {"bundle": "x"},
    "POST /api/v1/rollouts/{rollout}/{what}": {},
    "POST /api/v1/nodes/{node}/update/undo": {},
    "POST /api/v1/nodes/{node}/rotate": {},
    "POST /api/v1/nodes/{node}/revoke": {},
    "POST /api/v1/nodes/{node}/replace": {"by": "e661410403020100"},
    "PUT /api/v1/nodes/{node}/config": {"config": {}},
    "POST /api/v1/nodes/{node}/config/check": {"config": {}},
    "POST /api/v1/bench": {"ports": ["x"], "profile": "x"},
    "POST /api/v1/bench/look": {"ports": ["x"]},
    "POST /api/v1/bench/place": {"node": "e661410403020100", "name": "x"},
    "POST /api/v1/wifi-networks": {"ssid": "x"},
    "POST /api/v1/update/install": {"bundle": "gateway-x-1.sluis"},
    "POST /api/v1/update/undo": {"reason": "x"},
    "POST /api/v1/bundles/look": {"source": "/nowhere"},
    "POST /api/v1/bundles/import": {"source": "/nowhere"},
    "PUT /api/v1/release-trust": {"root": "", "print": ""},
    "POST /api/v1/users": {"name": "x", "password": "x", "role": "viewer"},
    "PATCH /api/v1/users/{name}": {},
    "PUT /api/v1/users/{name}/password": {"password": "x"},
    "POST /api/v1/tokens": {"name": "x", "role": "viewer"},
}


def routes() -> Iterator[str]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods:
                yield f"{method} {route.path}"


def test_the_matrix_holds_every_route() -> None:
    assert set(routes()) == set(RIGHTS)


async def call(client: httpx.AsyncClient, route: str) -> httpx.Response:
    method, path = route.split(" ")
    for name in ("device", "point", "command", "rule", "name", "username", "driver", "link", "node"):
        path = path.replace(f"{{{name}}}", "nothing")
    path = path.replace("{alert}", "9").replace("{session}", "9999").replace("{walk}", "abc").replace("{number}", "0")
    path = path.replace("{bundle}", "any-1-1.sluis").replace("{rollout}", "0" * 12).replace("{what}", "pause")
    return await client.request(method, path, json=BODIES.get(route))


@pytest.mark.parametrize("route", [route for route in RIGHTS if route != "GET /api/v1/stream"])
async def test_every_route_by_every_role(site: Site, route: str) -> None:
    stranger = await call(site.browser(), route)
    if RIGHTS[route] == NOBODY:
        assert stranger.status_code in (200, 401, 403) and "auth.required" not in stranger.text
        return
    assert (stranger.status_code, stranger.json()["code"]) == (401, "auth.required")
    for role in Role:
        answer = await call(await site.program(role), route)
        refused = answer.status_code == 403 and answer.json()["code"] == "auth.forbidden"
        if route == "POST /api/v1/session/password":
            assert refused and "token has no password" in answer.text
        else:
            assert refused == (role < RIGHTS[route]), (role.word, answer.status_code, answer.text)
        assert answer.status_code < 500


async def test_strangers_and_the_wrong_scope_get_no_stream(site: Site) -> None:
    assert (await call(site.browser(), "GET /api/v1/stream")).status_code == 401
    client = await site.program(Role.ADMIN, None, "users:read")
    assert (await call(client, "GET /api/v1/stream")).status_code == 403


@pytest.mark.parametrize("route", [route for route, role in RIGHTS.items() if role is Role.ADMIN])
async def test_an_admin_of_some_areas_does_not_manage_the_gateway(site: Site, route: str) -> None:
    client = await site.program(Role.ADMIN, frozenset({"Hal"}))
    answer = await call(client, route)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden"), answer.text


@pytest.mark.parametrize("route", [route for route in RIGHTS if "/broker/" in route or "/nodes" in route])
async def test_the_brokers_accounts_and_nodes_take_rights_everywhere(site: Site, route: str) -> None:
    client = await site.program(Role.TECHNICIAN, frozenset({"Hal"}))
    assert (await call(client, route)).status_code == 403


async def test_rules_are_changed_only_with_rights_everywhere(site: Site) -> None:
    client = await site.program(Role.TECHNICIAN, frozenset({"Hal"}))
    assert (await client.put("/api/v1/rules/cold", json={"when": {"below": 5}})).status_code == 403


async def test_metrics_are_free_on_this_machine_only(site: Site) -> None:
    local = await site.browser("127.0.0.1").get("/metrics")
    assert local.status_code == 200 and "sluis_devices_reachable" in local.text
    assert (await site.browser().get("/metrics")).status_code == 401


def test_the_reference_lists_every_route_with_its_role() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text()
    for route, role in RIGHTS.items():
        word = Role(role).word if role else "anyone"
        assert f"| `{route.replace('/api/v1', '', 1)}` | {word}" in page, route
