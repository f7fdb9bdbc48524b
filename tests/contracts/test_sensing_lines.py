"""What every link promises whose devices are not asked but sensed: pins of the header, sensors of the kernel.

There is no question and no answer of bytes as in `test_lines`; coming up, telling, losing, healing, overload, recording
and stopping are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from sluis.links import loop
from sluis.links.gpio.link import GpioLink
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.links.kernel.link import KernelLink
from sluis.links.kernel.settings import KernelSettings
from sluis.links.replay import ReplayLink
from sluis.model import Frame, LinkError
from sluis.runtime import SystemClock
from tests.links.gpio.bench import MockPins
from tests.links.kernel.tree import Tree

Eventually = Callable[..., Awaitable[None]]


class Rig(Protocol):
    link: Any
    source: str

    def change(self, n: int) -> None:
        """The n-th state of what is sensed; even and odd ones differ."""

    def shows(self, n: int, data: bytes) -> bool:
        """Whether a frame tells of it."""

    def lose(self) -> None: ...

    def heal(self) -> None: ...


class GpioRig:
    source = "GPIO17"

    def __init__(self, folder: Path) -> None:
        self.mock = MockPins(folder / "mock")
        settings = GpioSettings("mock", mock_dir=folder / "mock", pin=(PinSettings("contact", 17, debounce_ms=0),))
        self.link = GpioLink(settings, folder / "gpio", SystemClock())

    def change(self, n: int) -> None:
        self.mock.drive(17, n % 2)

    def shows(self, n: int, data: bytes) -> bool:
        return json.loads(data) == {"level": n % 2}

    def lose(self) -> None:
        assert self.link._keeper is not None
        psutil.Process(self.link._keeper.pid).kill()

    def heal(self) -> None:
        """It does so by itself."""


class KernelRig:
    source = "w1/28-00000a1b2c3d"

    def __init__(self, folder: Path) -> None:
        self.tree = Tree(folder)
        self.file = self.tree.thermometer("28-00000a1b2c3d") / "w1_slave"
        settings = KernelSettings(True, root=folder, every_s=0.05, w1_every_s=0.05, scan_s=0.05)
        self.link = KernelLink(settings, SystemClock())

    def change(self, n: int) -> None:
        self.file.write_text(
            f"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t={20_000 + n % 2}\n"
        )

    def shows(self, n: int, data: bytes) -> bool:
        return str(json.loads(data).get("w1_slave", "")).endswith(f"t={20_000 + n % 2}")

    def lose(self) -> None:
        self.tree.sys.rename(self.tree.root / "gone")

    def heal(self) -> None:
        (self.tree.root / "gone").rename(self.tree.sys)


@pytest.fixture(params=[GpioRig, KernelRig], ids=["gpio", "kernel"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made: Rig = request.param(tmp_path)
    made.link.set_filters(frozenset({"+/about", "+/+/about", made.source}))
    yield made
    for task in TASKS:
        task.cancel()
    await asyncio.gather(*TASKS, return_exceptions=True)
    TASKS.clear()


TASKS: list[asyncio.Task[None]] = []


async def up(rig: Rig, eventually: Eventually) -> None:
    TASKS.append(asyncio.ensure_future(rig.link.run()))
    await eventually(lambda: rig.link.up)


async def told(rig: Rig, n: int) -> Frame:
    """The next frame that shows the n-th state."""
    async with asyncio.timeout(20):
        while True:
            for frame in await rig.link.take():
                if frame.source == rig.source and rig.shows(n, frame.data):
                    return frame


async def test_what_is_sensed_is_told_with_source_and_time(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    for n in range(4):
        rig.change(n)
        frame = await told(rig, n)
        assert (frame.link, frame.asked, frame.token) == (rig.link.name, b"", None)
        assert frame.stamp.at_us > 0


async def test_devices_announce_themselves(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    async with asyncio.timeout(10):
        seen: set[str] = set()
        while f"{rig.source}/about" not in seen:
            seen |= {frame.source for frame in await rig.link.take()}


async def test_before_it_runs_it_is_down_and_says_why(rig: Rig) -> None:
    assert not rig.link.up
    assert rig.link.health().reason
    for ask in (rig.link.send, rig.link.request):
        with pytest.raises(LinkError):
            await ask(b"", to=rig.source)


async def test_it_is_lost_and_heals_and_says_so(rig: Rig, eventually: Eventually) -> None:
    changes: list[bool] = []
    rig.link.on_change(lambda is_up, reason: changes.append(is_up))
    await up(rig, eventually)
    rig.lose()
    await eventually(lambda: not rig.link.up)
    assert rig.link.health().reason
    rig.heal()
    await eventually(lambda: rig.link.up)
    rig.change(1)
    await told(rig, 1)
    health = rig.link.health()
    assert changes == [True, False, True]
    assert (health.reconnects, bool(health.last_error)) == (1, True)


async def test_overload_drops_the_oldest_and_counts_it(
    rig: Rig, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "WAITING", 2)
    await up(rig, eventually)
    n = 0

    async def flooded() -> bool:
        nonlocal n
        n += 1
        rig.change(n)
        return bool(rig.link.health().dropped > 3)

    await eventually(flooded)
    assert len(await rig.link.take()) <= 2


async def test_a_recording_replays(rig: Rig, eventually: Eventually, tmp_path: Path) -> None:
    await up(rig, eventually)
    rig.link.record(tmp_path / "recording.jsonl")
    for n in range(2):
        rig.change(n)
        await told(rig, n)
    rig.link.record(None)
    replay = ReplayLink.from_file(tmp_path / "recording.jsonl", SystemClock())
    replay.set_filters(frozenset({rig.source}))
    replay.heal()
    assert any(rig.shows(1, frame.data) for frame in await replay.take())


async def test_stopping_takes_it_down_in_time_and_it_may_run_again(rig: Rig, eventually: Eventually) -> None:
    for _ in range(2):
        running = asyncio.ensure_future(rig.link.run())
        await eventually(lambda: rig.link.up)
        running.cancel()
        async with asyncio.timeout(10):
            with contextlib.suppress(asyncio.CancelledError):
                await running
        assert not rig.link.up
        assert rig.link.health().reason == "stopped"
