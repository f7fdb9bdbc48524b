"""The gpio link over gpiozero's mock: frames, commands, and a gateway that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from sluis.links.gpio.link import GpioLink
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.model import ConfigError, Frame, LinkError
from sluis.runtime import Step, SystemClock
from tests.links.gpio.bench import MockPins

Eventually = Callable[..., Awaitable[None]]
PINS = (
    PinSettings("front-door", 6, active_low=True, debounce_ms=5),
    PinSettings("lamp", 17, "output"),
    PinSettings("strip", 18, "pwm"),
    PinSettings("water", 22, "counter", active_low=True, debounce_ms=0),
)


@dataclass
class Running:
    link: GpioLink
    mock: MockPins
    task: asyncio.Task[None]

    async def frame(self, source: str, **data: Any) -> Frame:
        """The next frame of a source that says this."""
        async with asyncio.timeout(10):
            while True:
                for frame in await self.link.take():
                    if frame.source == source and data.items() <= json.loads(frame.data).items():
                        return frame

    def keeper(self) -> psutil.Process:
        assert self.link._keeper is not None
        return psutil.Process(self.link._keeper.pid)


@pytest.fixture
async def running(tmp_path: Path, eventually: Eventually) -> AsyncIterator[Running]:
    settings = GpioSettings("mock", "pi-4b", mock_dir=tmp_path / "mock", report_s=0.05, pin=PINS)
    link = GpioLink(settings, tmp_path / "gpio", SystemClock())
    link.set_filters(frozenset({"+/about", *(pin.source for pin in PINS)}))
    task = asyncio.ensure_future(link.run())
    await eventually(lambda: link.up)
    yield Running(link, MockPins(tmp_path / "mock"), task)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_every_pin_announces_itself(running: Running) -> None:
    said = json.loads((await running.frame("GPIO6/about")).data)
    assert said == {"name": "front-door", "kind": "input", "gpio": 6, "board": "pi-4b", "at": "pin 31", "mock": True}


async def test_it_says_that_it_is_a_mock(running: Running) -> None:
    health = running.link.health()
    assert health.notes["mock"] is True
    assert health.notes["board"] == "Raspberry Pi 4 Model B"
    assert health.address == "mock"


async def test_a_contact_is_dated_from_its_first_touch(running: Running) -> None:
    clock = SystemClock()
    before = clock.stamp()
    running.mock.drive(6, 0)
    frame = await running.frame("GPIO6", level=1)
    assert before.mono_us < frame.stamp.mono_us <= clock.stamp().mono_us - 5_000


async def test_commands_reach_the_pin_and_come_back_as_frames(running: Running) -> None:
    await running.link.send(b'{"set": 1}', to="GPIO17")
    assert running.mock.level(17) == 1
    await running.frame("GPIO17", level=1)
    await running.link.send(b'{"duty": 0.25}', to="GPIO18")
    assert running.mock.level(18) == 0.25
    await running.frame("GPIO18", duty=0.25)


@pytest.mark.parametrize(
    ("data", "to", "said"),
    [
        (b'{"set": 1}', "GPIO6", "not an output"),
        (b'{"set": 1}', "GPIO9", "no pin is reserved"),
        (b'{"set": "on"}', "GPIO17", "no state of a pin"),
        (b"[1]", "GPIO17", "no state of a pin"),
        (b"on", "GPIO17", "no state of a pin"),
    ],
)
async def test_what_cannot_be_sent(running: Running, data: bytes, to: str, said: str) -> None:
    with pytest.raises(LinkError, match=said):
        await running.link.send(data, to=to)


async def test_a_request_reads_the_pin(running: Running) -> None:
    await running.link.send(b'{"set": 1}', to="GPIO17")
    assert (await running.link.request(b"", to="GPIO17")).data == b'{"level": 1}'


async def test_a_keeper_that_dies_is_replaced_and_outputs_start_safe(running: Running, eventually: Eventually) -> None:
    await running.link.send(b'{"set": 1}', to="GPIO17")
    steps: list[Step] = []
    running.link.on_step(steps.append)
    running.keeper().kill()
    await eventually(lambda: not running.link.up)
    assert running.link.health().reason
    with pytest.raises(LinkError):
        await running.link.send(b'{"set": 1}', to="GPIO17")
    await eventually(lambda: running.link.up)
    assert running.mock.level(17) == 0
    await eventually(lambda: [(step.rung, step.healed) for step in steps] == [("restart", True)])
    assert running.link.health().reconnects == 1
    await running.frame("GPIO17", level=0)


async def test_a_keeper_that_cannot_be_had_again_is_told_and_tried_on(
    running: Running, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chip went away with it."""
    steps: list[Step] = []
    running.link.on_step(steps.append)
    monkeypatch.setattr(running.link, "factory", "lgpio")
    running.keeper().kill()
    await eventually(lambda: [(step.rung, step.healed) for step in steps] == [("restart", False)])
    assert "no chip" in steps[0].detail
    await eventually(lambda: running.link.health().rung == "failed")
    monkeypatch.setattr(running.link, "factory", "mock")
    await eventually(lambda: running.link.up, 20)
    assert (running.link.health().rung, len(steps)) == ("", 1)


async def test_a_device_that_was_just_adopted_gets_its_value_at_once(running: Running) -> None:
    running.link.set_filters(frozenset({"+/about"}))
    await asyncio.gather(running.frame("GPIO22/about"))
    running.link.set_filters(frozenset({"+/about", "GPIO22"}))
    assert json.loads((await running.frame("GPIO22")).data)["count"] == 0


async def test_stopping_makes_outputs_safe_and_ends_the_keeper(running: Running) -> None:
    await running.link.send(b'{"set": 1}', to="GPIO17")
    keeper = running.keeper()
    running.task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running.task
    assert running.mock.level(17) == 0
    assert not keeper.is_running()


GATEWAY = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from sluis.links.gpio.link import GpioLink
    from sluis.links.gpio.settings import GpioSettings, PinSettings
    from sluis.runtime import SystemClock

    async def main(folder):
        pins = (PinSettings("lamp", 17, "output"), PinSettings("heater", 27, "output", safe=True))
        link = GpioLink(GpioSettings("mock", mock_dir=folder / "mock", pin=pins), folder / "gpio", SystemClock())
        running = asyncio.ensure_future(link.run())
        while not link.up:
            await asyncio.sleep(0.01)
        await link.send(b'{"set": 1}', to="GPIO17")
        await link.send(b'{"set": 0}', to="GPIO27")
        print("ready", flush=True)
        await running

    asyncio.run(main(Path(sys.argv[1])))
""")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
async def test_a_gateway_that_is_killed_leaves_its_outputs_safe(
    tmp_path: Path, eventually: Eventually, number: signal.Signals
) -> None:
    """The witness is the mock's folder, which outlives both processes."""
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GATEWAY, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"ready\n"
    mock = MockPins(tmp_path / "mock")
    assert (mock.level(17), mock.level(27)) == (1, 0)
    [keeper] = psutil.Process(gateway.pid).children()
    gateway.send_signal(number)
    await gateway.wait()
    await eventually(lambda: (mock.level(17), mock.level(27)) == (0, 1))
    await eventually(lambda: not keeper.is_running() or keeper.status() == psutil.STATUS_ZOMBIE)


async def test_a_machine_without_such_a_chip_is_a_state_and_no_crash(tmp_path: Path, eventually: Eventually) -> None:
    """lgpio itself is asked; no machine that tests run on is a Raspberry Pi."""
    settings = GpioSettings("lgpio", "pi-5", pin=(PinSettings("door", 6),))
    link = GpioLink(settings, tmp_path / "gpio", SystemClock())
    task = asyncio.ensure_future(link.run())
    await eventually(lambda: "no chip pinctrl-rp1" in link.health().reason)
    assert not link.up
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_the_mock_is_chosen_by_configuration_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def factory(**settings: Any) -> str:
        return GpioLink(GpioSettings(pin=(PinSettings("a", 6),), **settings), tmp_path, SystemClock()).factory

    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    assert factory() == "lgpio"
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    assert (factory(), factory(factory="lgpio")) == ("mock", "lgpio")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "pigpio")
    with pytest.raises(ConfigError, match="pigpio"):
        factory()
