"""PJLink against the projector emulator of `pjlink-advance`, which somebody else wrote (Python 3.13 and newer).

Its environment is made by uv under `var/`, from the package registry, the first time.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import a_free_port
from tests.devices.av.conftest import Furnish
from tests.devices.av.test_pjlink import searching_on

from sluis.links.net import NetLink, NetSettings
from sluis.model import DeviceState, Stage
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis_drivers.pjlink.projector import Projector

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]

Eventually = Callable[..., Awaitable[None]]
ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "pjlink-advance==0.2.0"


def python_313() -> str:
    """A Python 3.13 of this machine; "" when there is none."""
    homes = sorted((Path.home() / ".pyenv" / "versions").glob("3.13.*/bin/python"))
    return next((str(home) for home in homes), "") or shutil.which("python3.13") or ""


@pytest.fixture(scope="module")
def peer() -> Path:
    """The interpreter of an environment that has the emulator."""
    environment = ROOT / "var" / "pjlink-peer"
    python = environment / "bin" / "python"
    if (
        subprocess.run([str(python), "-c", "import pjlink_advance"], capture_output=True).returncode
        if python.exists()
        else 1
    ):
        uv, base = Path(sys.executable).with_name("uv"), python_313()
        if not base:
            pytest.skip("pjlink-advance needs Python 3.13, which this machine does not have")
        subprocess.run([str(uv), "venv", "-q", "--clear", "--python", base, str(environment)], check=True)
        got = subprocess.run([str(uv), "pip", "install", "-q", "--python", str(python), PACKAGE], capture_output=True)
        if got.returncode:
            pytest.skip(f"{PACKAGE} cannot be installed here: {got.stderr.decode()[-200:]}")
    return python


@asynccontextmanager
async def emulator(peer: Path, *options: str) -> AsyncIterator[int]:
    port = a_free_port()
    process = await asyncio.create_subprocess_exec(
        str(peer), "-u", "-m", "pjlink_advance.emulator", "--host", "127.0.0.1", "--port", str(port), *options,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert b"listening" in await asyncio.wait_for(process.stdout.readline(), 20)
        yield port
    finally:
        process.kill()
        await process.wait()


async def test_with_password_warm_up_and_class_2(peer: Path, furnish: Furnish, eventually: Eventually) -> None:
    async with emulator(peer, "--password", "secret", "--transition-delay", "4") as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(Projector,))
        await room.add("pjlink", "net", f"127.0.0.1:{port}", password="secret", every_s=1, notices=0)
        await room.shows(15, power=False, power_state="off", problem=False, lamp_hours=1200)
        await eventually(lambda: room.register.device(room.key).firmware == "1.00")
        device = room.register.device(room.key)
        assert (device.vendor, device.model, device.serial) == ("EPSON", "EB-L735U", "X8JK0000001")
        await room.shows(filter_hours=300)
        assert (await room.told("power", True)).stage is Stage.DONE
        assert room.values["power_state"] == "warming"
        waits = await room.control.submit(room.key, "input", "digital 2", SYSTEM)
        receipt = await asyncio.wait_for(room.control.outcome(waits.command.id), 30)
        assert receipt.stage is Stage.DONE
        assert "accepted" in [stage for stage, _ in receipt.history[1:]], "it had to wait for the lamp"
        await room.shows(power_state="on", input="digital 2", input_name="HDMI2", resolution="1920x1200")
        for point, value in [
            ("picture_mute", True),
            ("sound_mute", True),
            ("freeze", True),
            ("speaker_volume_up", None),
        ]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        assert (await room.told("power", False)).stage is Stage.DONE
        await room.shows(power=False, power_state="cooling")
        await room.shows(15, power_state="off")


async def test_class_1_has_what_class_1_has(peer: Path, furnish: Furnish) -> None:
    async with emulator(peer, "--pj-class", "1", "--transition-delay", "0") as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(Projector,))
        await room.add("pjlink", "net", f"127.0.0.1:{port}", every_s=1)
        await room.shows(15, power=False)
        assert (await room.told("power", True)).stage is Stage.DONE
        await room.shows(15, input="digital 1", picture_mute=False)
        assert "freeze" not in room.register.points(room.key)


async def test_the_wrong_password(peer: Path, furnish: Furnish, eventually: Eventually) -> None:
    async with emulator(peer, "--password", "secret") as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(Projector,))
        await room.add("pjlink", "net", f"127.0.0.1:{port}", password="wrong", every_s=1)
        await eventually(lambda: "refuses the password" in room.register.twin(room.key).reason, 20)


async def test_it_answers_the_search(peer: Path, furnish: Furnish, eventually: Eventually) -> None:
    async with emulator(peer, "--transition-delay", "0", "--host", "0.0.0.0") as port:  # it hears broadcasts only so
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(searching_on(port),))
        room.scan.begin(60)
        await eventually(lambda: bool(room.register.devices(DeviceState.DISCOVERED)), 20)
        (device,) = room.register.devices(DeviceState.DISCOVERED)
        assert device.native_id.endswith(f":{port}")
        await room.register.adopt(device.key, name="Projector", area="", actor=SYSTEM)
        room.key = device.key
        await room.shows(15, power=False)
        assert device.description["found"]["mac"].count(":") == 5
