"""The OpenAPI description is true: schemathesis holds the API against it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core import NOT_SET

from sluis.model import ApiToken, Role
from sluis.model.commands import SYSTEM
from sluis.panel.serving import PanelServer
from sluis.panel.settings import PanelSettings
from tests.panel.conftest import Browser, Site, a_site

EXAMPLES = 8
"""Requests per operation: bounded so that the whole run stays well under a minute on one core."""


async def test_every_operation_is_described(admin: Browser) -> None:
    described = (await admin.get("/api/v1/openapi.json")).json()
    ids = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) and len(ids) > 50
    assert set(described["components"]["securitySchemes"]) == {"token", "session", "csrf"}
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and operation.get("description"), (method, path)
            opened = path in ("/healthz", "/readyz", "/api/v1/set-up") or (method, path) == ("post", "/api/v1/session")
            assert opened or operation["security"], path
            for status, answer in operation["responses"].items():
                if status[0] in "45" and (path, status) != ("/readyz", "503"):
                    assert "application/problem+json" in answer["content"], (path, status)


class Running:
    """The whole house in a loop of its own thread, so that synchronous schemathesis can call it over real sockets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self.url = ""
        self.token = ""

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def _main(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        quick = PanelSettings(port=0, trust_port=-1)
        async with a_site(self._folder, quick) as site:
            await _furnish(site)
            self.token, _ = await site.door.add_token(ApiToken("fuzz", Role.ADMIN), SYSTEM)
            server = PanelServer(site.app, quick, None)
            await site.stop_feeding()
            task = asyncio.ensure_future(server.run())
            await server.ready.wait()
            self.url = server.url
            self._ready.set()
            await self._stop.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _furnish(site: Site) -> None:
    await site.device("one", "Boiler", "Kelder")
    await site.device("four", "Nieuw", adopt=False)
    await site.user("root", Role.ADMIN)
    await site.user("bert", Role.OPERATOR)
    await site.house.rules.save("cold", {"when": {"below": 5}}, SYSTEM)
    site.alert("meter-one")
    site.say("meter-one", "temperature", 20.5)
    await site.quiet()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


LEFT_OUT = ("/api/v1/stream",)
"""Never ends, so there is nothing to hold against its description; test_stream and test_serving do."""

THERE = {"device": "meter-one", "point": "level", "alert": 1, "rule": "cold", "name": "bert"}
"""Things that exist, so that not every request ends at a 404."""

TRUE = [checks.not_a_server_error, checks.response_schema_conformance, checks.status_code_conformance]


@pytest.mark.slow
@pytest.mark.timeout(58)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=[one.name.lower() for one in GenerationMode])
def test_schemathesis_finds_no_fault(running: Running, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{running.url}/api/v1/openapi.json")
    headers = {"Authorization": f"Bearer {running.token}"}
    failures: list[str] = []
    answers: Counter[int] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in LEFT_OUT:
            try:
                _hold(operation, mode, headers, answers)
            except Unsatisfiable:
                continue  # nothing can be wrong with a request without parameters
            except Exception as error:
                failures.append(f"{operation.method.upper()} {operation.path}: {error}"[:1500])
    assert not failures, "\n\n".join(failures)
    assert sum(answers.values()) > 300 and not [status for status in answers if status >= 500 and status != 503]
    assert answers[200] > 50 or mode is GenerationMode.NEGATIVE, answers


def _hold(operation: Any, mode: GenerationMode, headers: dict[str, str], answers: Counter[int]) -> None:
    """Hold one operation against its description."""

    names = set(re.findall(r"{(\w+)}", operation.path))
    known = {name: THERE[name] for name in names} if names and names <= set(THERE) else NOT_SET
    invented = operation.as_strategy(generation_mode=mode)
    strategy = invented if known is NOT_SET else invented | operation.as_strategy(mode, path_parameters=known)

    @given(case=strategy)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: Any) -> None:
        answer = case.call(headers=headers, timeout=10)
        answers[answer.status_code] += 1
        case.validate_response(answer, checks=TRUE)

    attempt()
