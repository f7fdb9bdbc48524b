"""One port through its life: lost, renumbered, swapped, held by another program, hung, healed rung by rung."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import serial

from sluis.links.serial import SerialLink, SerialSettings
from sluis.links.serial import link as module
from sluis.links.serial.finding import Memory
from sluis.links.serial.holder import holder
from sluis.links.serial.ports import Found, UsbId
from sluis.model import LinkError
from sluis.runtime import Step, SystemClock
from sluis.sdk import Framing, Station

Eventually = Callable[..., Awaitable[None]]
ADAPTER = UsbId(0x0403, 0x6001, "A10K", "0000:01:00.0/1.3:1.0")


class Dongle:
    """A pseudo terminal with a device on it that answers lines; what it heard."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        os.close(self._slave)
        self.heard = b""
        self.deaf = False
        asyncio.get_running_loop().add_reader(self.master, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return
        self.heard += data
        if not self.deaf:
            os.write(self.master, b"=" + data)

    def pull(self) -> None:
        if self.master >= 0:
            asyncio.get_running_loop().remove_reader(self.master)
            os.close(self.master)
            self.master = -1


class House:
    """A machine into which dongles are plugged, and a link on one of them."""

    def __init__(self) -> None:
        self.dongles: list[Dongle] = []
        self.ports: list[Found] = []
        self.steps: list[Step] = []
        self.states: list[str] = []
        self.resets: list[Path] = []
        self.on_reset: Callable[[], None] = lambda: None
        self.running: asyncio.Task[None] | None = None

    def plug(self, usb: UsbId = ADAPTER) -> Dongle:
        dongle = Dongle()
        self.dongles.append(dongle)
        self.ports.append(Found(dongle.device, usb, "Test", Path("/sys/adapter")))
        return dongle

    def pull(self, dongle: Dongle) -> None:
        self.ports[:] = [one for one in self.ports if one.device != dongle.device]
        dongle.pull()

    def start(self, port: str = "usb:0403:6001", **others: object) -> SerialLink:
        given = {"settle_s": 0.02, "reconnect_cap_s": 0.2, **others}
        settings = SerialSettings("bus", port, **given)  # type: ignore[arg-type]
        self.link = SerialLink(settings, SystemClock(), Memory(), ports=lambda: list(self.ports), reset=self._reset)
        self.link.on_step(self.steps.append)
        self.link.on_change(lambda up, reason: self.states.append(self.link.state))
        self.link.set_stations({"bus/1": Station("bus/1", Framing(end=b"\r"))})
        self.running = asyncio.ensure_future(self.link.run())
        return self.link

    def _reset(self, adapter: Path) -> None:
        self.resets.append(adapter)
        self.on_reset()

    async def answers(self) -> bool:
        try:
            return (await self.link.request(b"?\r", to="bus/1", timeout_s=0.2)).data == b"=?"
        except LinkError:
            return False

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        for dongle in self.dongles:
            dongle.pull()


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    monkeypatch.setattr(module, "STEADY_S", 0.05)
    monkeypatch.setattr(module, "BACK_WITHIN_S", 0.2)
    made = House()
    yield made
    await made.stop()


@pytest.mark.parametrize("backend", ["serialx", "pyserial"])
async def test_a_pulled_dongle_heals_under_another_number(house: House, eventually: Eventually, backend: str) -> None:
    dongle = house.plug()
    link = house.start(backend=backend)
    await eventually(house.answers)
    house.pull(dongle)
    await eventually(lambda: link.state == "missing")
    assert "A10K is not plugged in" in link.health().reason
    with pytest.raises(LinkError, match="not plugged in"):
        await link.request(b"?\r", to="bus/1")
    again = house.plug()
    await eventually(house.answers)
    assert link.notes()["device"] == again.device
    assert house.states[:3] == ["open", "healing", "missing"]
    await eventually(lambda: [(step.rung, step.healed) for step in house.steps] == [("reopen", True)])
    assert (link.health().reconnects, link.health().rung) == (1, "")


async def test_a_dongle_plugged_in_later_is_opened(house: House, eventually: Eventually) -> None:
    link = house.start()
    await eventually(lambda: link.state == "missing")
    house.plug()
    await eventually(house.answers)
    assert house.steps == []


async def test_nothing_is_written_to_a_swapped_dongle(house: House, eventually: Eventually) -> None:
    dongle = house.plug()
    link = house.start()
    await eventually(house.answers)
    house.pull(dongle)
    stranger = house.plug(replace(ADAPTER, serial="B22X"))
    await eventually(lambda: link.state == "swapped")
    assert not await house.answers()
    assert stranger.heard == b""
    house.pull(stranger)
    house.plug()
    await eventually(house.answers)


async def test_two_equal_dongles_keep_their_devices(house: House, eventually: Eventually) -> None:
    here, there = replace(ADAPTER, serial="", place="x/1.3:1.0"), replace(ADAPTER, serial="", place="x/1.4:1.0")
    one, two = house.plug(here), house.plug(there)
    link = house.start("usb:0403:6001@x/1.4:1.0")
    await eventually(house.answers)
    house.pull(one)
    house.pull(two)
    await eventually(lambda: not link.up)
    swapped = house.plug(there), house.plug(here)
    await eventually(house.answers)
    assert (swapped[0].heard, swapped[1].heard) != (b"", b"")
    assert swapped[1].heard == b""


async def test_a_port_that_will_not_open_is_found_anew_reset_and_marked(
    house: House, eventually: Eventually, tmp_path: Path
) -> None:
    """A plain file stands for a port whose driver refuses everything."""
    dongle = house.plug()
    link = house.start()
    await eventually(house.answers)
    stuck = tmp_path / "ttyUSB0"
    stuck.write_text("")
    house.ports[:] = [replace(house.ports[0], device=str(stuck))]
    dongle.pull()
    await eventually(lambda: link.health().rung == "failed")
    assert [(step.rung, step.healed) for step in house.steps] == [
        ("reopen", False),
        ("find", False),
        ("usb-reset", False),
    ]
    assert house.resets == [Path("/sys/adapter")]
    assert link.state == "failed"
    house.ports.clear()
    house.plug()
    await eventually(house.answers)
    assert link.health().rung == ""


async def test_who_holds_the_port_is_not_cured_by_a_reset(house: House, eventually: Eventually) -> None:
    """As ModemManager takes every new port for some seconds."""
    dongle = house.plug()
    link = house.start()
    await eventually(house.answers)
    house.pull(dongle)
    await eventually(lambda: link.state == "missing")
    again = Dongle()
    house.dongles.append(again)
    taken = serial.Serial(again.device, exclusive=True)
    house.ports.append(Found(again.device, ADAPTER, "Test", Path("/sys/adapter")))
    try:
        await eventually(lambda: len(house.steps) == 3)
        assert house.steps[2].rung == "usb-reset"
        assert "not reset" in house.steps[2].detail
        assert "in use" in house.steps[2].detail
        assert house.resets == []
    finally:
        taken.close()
    await eventually(house.answers)


async def test_a_reset_may_heal(house: House, eventually: Eventually, tmp_path: Path) -> None:
    dongle = house.plug()
    house.start()
    await eventually(house.answers)
    stuck = tmp_path / "ttyUSB0"
    stuck.write_text("")
    house.ports[:] = [replace(house.ports[0], device=str(stuck))]
    loop = asyncio.get_running_loop()

    def plug_again() -> None:
        house.ports.clear()
        house.plug()

    house.on_reset = lambda: loop.call_soon_threadsafe(plug_again)  # type: ignore[assignment,return-value]
    dongle.pull()
    await eventually(house.answers)
    await eventually(lambda: (house.steps[-1].rung, house.steps[-1].healed) == ("usb-reset", True))


async def test_a_hung_adapter_is_suspected_when_nothing_comes_any_more(
    house: House, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEAF", 3)
    monkeypatch.setattr(module, "HEARS_WITHIN_S", 0.3)
    dongle = house.plug()
    link = house.start()
    await eventually(house.answers)
    dongle.deaf = True

    def wake() -> None:
        dongle.deaf = False

    house.on_reset = wake

    async def healed() -> bool:
        return await house.answers() and bool(house.steps) and house.steps[-1].healed

    await eventually(healed, 20)
    assert [(step.rung, step.healed) for step in house.steps] == [
        ("reopen", False),
        ("find", False),
        ("usb-reset", True),
    ]
    assert link.up


async def test_the_program_that_holds_the_port_is_named(house: House, eventually: Eventually) -> None:
    dongle = house.plug()
    opened = f"serial.Serial({dongle.device!r}, exclusive=True)"
    program = f"import time, serial; port = {opened}; print('open', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        link = house.start()
        await eventually(lambda: link.state == "busy")
        assert f"(process {holder.pid})" in link.health().reason
        assert "python" in link.health().reason
        assert house.steps == []
    finally:
        holder.kill()
        holder.wait(10)
        assert holder.stdout is not None
        holder.stdout.close()
    await eventually(house.answers)


@pytest.mark.parametrize("backend", ["serialx", "pyserial"])
async def test_a_port_of_ours_is_locked_against_another_link(
    house: House, eventually: Eventually, backend: str
) -> None:
    house.plug()
    house.start(backend=backend)
    await eventually(house.answers)
    other = SerialLink(SerialSettings("two", house.ports[0].device, backend=backend), SystemClock())  # type: ignore[arg-type]
    running = asyncio.ensure_future(other.run())
    await eventually(lambda: other.state == "busy")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await house.answers()


async def test_a_driver_that_cannot_switch_direction_says_so(house: House, eventually: Eventually) -> None:
    house.plug()
    link = house.start(backend="pyserial", rs485="kernel")
    await eventually(lambda: link.state == "failed")
    assert "direction of RS-485" in link.health().reason


async def test_sending_to_a_port_that_nobody_reads_ends(house: House, eventually: Eventually) -> None:
    dongle = house.plug()
    link = house.start(baud=4_000_000)
    await eventually(house.answers)
    asyncio.get_running_loop().remove_reader(dongle.master)
    with pytest.raises(LinkError):
        for _ in range(200):
            await link.send(b"x" * 1_000, to="bus/1")
    await house.stop()
    assert link.state == "closed"


async def test_a_stop_while_it_is_missing_is_clean(house: House, eventually: Eventually) -> None:
    link = house.start()
    await eventually(lambda: link.state == "missing")
    await house.stop()
    assert (link.up, link.state) == (False, "closed")


def test_a_program_without_manners_is_named_too(tmp_path: Path) -> None:
    """It takes no lock. A plain file stands for the port."""
    port = tmp_path / "ttyUSB0"
    port.write_text("")
    assert holder(str(port)) == ""
    program = f"import time; port = open({str(port)!r}); print('open', flush=True); time.sleep(60)"
    careless = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert careless.stdout is not None
        careless.stdout.readline()
        assert holder(str(port)).endswith(f"(process {careless.pid})")
    finally:
        careless.kill()
        careless.wait(10)
        assert careless.stdout is not None
        careless.stdout.close()
