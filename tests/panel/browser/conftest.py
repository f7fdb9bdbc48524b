"""A real Chromium, and the fixture building served by a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

ROOT = Path(__file__).parents[3]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "four random words here"
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1280, 860), "small": (320, 640)}


def load_file(path: Path) -> ModuleType:
    """A module that is not in a package (the build hook, a tool)."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def built() -> Path:
    """The panel's folder, with fresh assets and the development tools."""
    hook = load_file(ROOT / "hatch_build.py")
    hook.build(dev=True)
    return ROOT / "dashboards" / "panel"


@dataclass
class Server:
    """The building's process."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    code: str | None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def start(folder: Path, *more: str) -> Server:
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.panel.browser.site", str(folder), *more],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={**os.environ, "TZ": "Europe/Amsterdam"},
        )
    deadline = time.monotonic() + 30
    while not (folder / "address.json").is_file():
        assert process.poll() is None, (folder.parent / f"{folder.name}.log").read_text()
        assert time.monotonic() < deadline, "the building was not served in time"
        time.sleep(0.05)
    said = json.loads((folder / "address.json").read_text())
    return Server(process, folder, said["url"], said["code"])


@pytest.fixture(scope="session")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The furnished building, for tests that leave it as it is."""
    made = start(tmp_path_factory.mktemp("building") / "data")
    yield made
    made.stop()


@pytest.fixture
def own_server(built: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a building for one test alone."""
    made: list[Server] = []

    def begin(*more: str) -> Server:
        made.append(start(tmp_path / f"data{len(made)}", *more))
        return made[-1]

    yield begin
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser profile; remembers everything that was asked for and everything that went wrong."""

    context: BrowserContext
    page: Page
    url: str
    asked: list[str]
    wrong: list[str]

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def live(self) -> Page:
        """Wait until the stream runs."""
        self.page.wait_for_selector("html[data-live=yes]", state="attached", timeout=15_000)
        return self.page

    def sign_in(self, name: str = "anna") -> Visit:
        self.go("/sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(self.url + "/")
        return self


Opens = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Opens]:
    """Open a browser profile on a server."""
    contexts: list[BrowserContext] = []

    def begin(server: Server, size: str = "phone", theme: str = "light", **more: Any) -> Visit:
        width, height = SIZES[size]
        options: dict[str, Any] = {
            "locale": "nl-NL",
            "reduced_motion": "reduce",
            "timezone_id": "Europe/Amsterdam",
            **more,
        }
        context = chromium.new_context(
            viewport={"width": width, "height": height}, ignore_https_errors=True, color_scheme=theme, **options
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        made = Visit(context, page, server.url, [], [])
        context.on("request", lambda request: note(made, request))
        page.on("pageerror", lambda error: made.wrong.append(str(error)))
        page.on("console", lambda said: made.wrong.append(said.text) if said.type == "error" else None)
        return made

    def note(made: Visit, request: Request) -> None:
        made.asked.append(request.url)

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def session(server: Server, chromium: Browser) -> Any:
    """Anna's cookies on the shared building: signing in is tested once, not before every page."""
    context = chromium.new_context(ignore_https_errors=True, locale="nl-NL")
    page = context.new_page()
    Visit(context, page, server.url, [], []).sign_in()
    state = context.storage_state()
    context.close()
    return state
