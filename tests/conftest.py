"""Fixtures every room may use: real brokers, free ports, waiting for conditions."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first, or the last worker would be long alone with one of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listens on."""
    return a_free_port()


@contextmanager
def one_start_at_a_time() -> Iterator[None]:
    """Demo sites look for ports that are free, and listen on them seconds later: two must not look at once."""
    with (Path(tempfile.gettempdir()) / "sluis-demo-starts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def eventually(condition: Callable[[], bool | Awaitable[bool]], within_s: float = 10.0) -> None:
    """Wait until `condition` holds; fail with its source position when it does not within the time."""
    deadline = time.monotonic() + within_s
    while True:
        held = condition()
        if not isinstance(held, bool):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {within_s} s: {condition!r}")
        await asyncio.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Awaitable[None]]:
    return eventually


@dataclass
class Broker:
    """A real mosquitto on loopback; `kill` and `start` play the power cut."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self.folder / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """An anonymous, persistent mosquitto for one test."""
    folder = tmp_path / "broker"
    folder.mkdir()
    port = a_free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        f"user root\nmax_inflight_messages 0\nmax_queued_messages 100000\n"
    )
    made = Broker(port, folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def tasks() -> AsyncIterator[Callable[[Awaitable[object]], asyncio.Task[object]]]:
    """Start background coroutines that end with the test."""
    running: list[asyncio.Task[object]] = []

    def start(work: Awaitable[object]) -> asyncio.Task[object]:
        task: asyncio.Task[object] = asyncio.ensure_future(work)  # type: ignore[assignment]
        running.append(task)
        return task

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
