"""The whole gateway as people run it: `sluis demo` in a process of its own, asked over HTTPS."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sluis_provision.bundle import build
from tests.cli.test_bundles import WORDS, Desk
from tests.conftest import one_start_at_a_time
from tests.firmware.test_updates import slot

START_WITHIN_S = 60.0


@dataclass
class Demo:
    """A running demo site."""

    data_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data_dir / "run" / "gateway.json").read_text())
        return found

    @property
    def output(self) -> str:
        return (self.data_dir / "demo.log").read_text()

    def client(self) -> httpx.Client:
        """An API client with the local token, trusting the site's own CA and nothing else."""
        token = (self.data_dir / "run" / "cli-token").read_text().strip()
        context = ssl.create_default_context(cafile=self.info["ca"])
        return httpx.Client(
            base_url=f"{self.info['url']}/api/v1/",
            verify=context,
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )

    def sluis(self, *words: str | Path, code: int = 0, typed: str = "") -> str:
        """What the command line says to this site; of a failure also what it says to the other output."""
        command = [sys.executable, "-m", "sluis", "--data-dir", str(self.data_dir), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, input=typed)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


def start_demo(data_dir: Path, *options: str) -> Demo:
    """Start it and wait until it says that it is ready."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with one_start_at_a_time(), (data_dir / "demo.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sluis", "demo", "--data-dir", str(data_dir), *options],
            stdout=log,
            stderr=log,
            env={**os.environ, "COLUMNS": "120"},
        )
        demo = Demo(data_dir, process)
        wait_for(lambda: (data_dir / "run" / "gateway.json").exists() or process.poll() is not None, "a start")
    assert process.poll() is None, demo.output
    return demo


def wait_for(condition: Callable[[], object], what: str, within_s: float = START_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {within_s} s")
        time.sleep(0.05)


def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A release machine in `folder`/desk, which has put out the firmware as it is, as release 12."""
    made = folder / "desk"
    made.mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setenv("SLUIS_KEY_PASSPHRASE", WORDS)
    desk = Desk(made)
    for path, content in slot(build()).items():
        file = made / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (made / "files" / "main.py").unlink()
    desk.begin()
    desk.out(12)
    return desk


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo site for a module, with everything in use that the first start takes into use."""
    made = start_demo(tmp_path_factory.mktemp("demo") / "data")
    try:
        with made.client() as client:
            wait_for(lambda: len(client.get("devices").json()["items"]) >= ADOPTED, "adoption of the demo's devices")
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


ADOPTED = 9
"""Devices that the demo's first start takes into use."""


def devices(demo: Demo) -> dict[str, dict[str, Any]]:
    with demo.client() as client:
        return {one["key"]: one for one in client.get("devices", params={"limit": 200}).json()["items"]}


def of_driver(demo: Demo, driver: str) -> list[dict[str, Any]]:
    return [one for one in devices(demo).values() if one["driver"] == driver]


def value(demo: Demo, device: str, key: str) -> Any:
    """What a point last said."""
    with demo.client() as client:
        wait_for(lambda: client.get(f"points/{device}/{key}").json()["reported"], f"a value of {device}/{key}")
        return client.get(f"points/{device}/{key}").json()["reported"]["value"]


def command(demo: Demo, device: str, key: str, value: object) -> dict[str, Any]:
    """Submit and wait for the outcome."""
    with demo.client() as client:
        answer = client.put(f"points/{device}/{key}", json=value)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def switches(demo: Demo, driver: str) -> list[tuple[str, str]]:
    with demo.client() as client:
        return [
            (device["key"], one["key"])
            for device in of_driver(demo, driver)
            for one in client.get(f"devices/{device['key']}/points").json()
            if one["writable"] and one["kind"] == "switch" and not one["category"]
        ]
