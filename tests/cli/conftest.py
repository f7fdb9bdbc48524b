"""The command line against the real API: the panel's house, served by uvicorn on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.panel.conftest import Site, a_site

from sluis.model import ApiToken, Role
from sluis.model.commands import SYSTEM
from sluis.panel.settings import PanelSettings

WITHIN_S = 25.0


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


Run = Callable[..., Awaitable[Done]]


class Server(uvicorn.Server):
    """uvicorn that leaves the signals of the test process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def write_address(folder: Path, url: str, token: str) -> None:
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "gateway.json").write_text(json.dumps({"url": url, "pid": 1, "ca": None}))
    (folder / "run" / "cli-token").write_text(token)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Two adopted devices, one that waits; the API on a real port; address and token in the data folder."""
    async with a_site(tmp_path, PanelSettings()) as made:
        await made.device("one", "Boiler", "Kelder")
        await made.device("two", "Lamp", "Hal")
        await made.device("four", "Nieuw", adopt=False)
        secret, _ = await made.door.add_token(ApiToken("cli", Role.ADMIN), SYSTEM)
        server = Server(uvicorn.Config(made.app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        write_address(tmp_path, f"http://127.0.0.1:{port}", secret)
        yield made
        server.should_exit = True
        made.app.state.hub.close()
        await serving


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`await run("devices", "--json")`: the command as a person's shell would run it."""

    async def _run(*arguments: str, typed: str = "") -> Done:
        command = [sys.executable, "-m", "sluis", "--data-dir", str(tmp_path), *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            out, err = await asyncio.wait_for(process.communicate(typed.encode()), WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return Done(process.returncode or 0, out.decode(), err.decode())

    return _run


@pytest.fixture
def json_of(run: Run) -> Callable[..., Awaitable[Any]]:
    async def _json_of(*arguments: str) -> Any:
        done = await run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return _json_of
