"""A virtual Pico: its drive in the hands of anybody who copies, and of the flasher and the command that ship."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sluis.model import ProvisionError
from sluis_provision.flashers import Part, Repl, Uf2
from sluis_provision.flashers import uf2 as flasher_module
from sluis_provision.flashers.drives import by_name
from sluis_provision.flashers.problem import NoAnswer, NotStarted, NotVerified, PortUnusable, Unplugged, WrongImage
from sluis_provision.images import uf2
from sluis_provision.images.profiles import profile
from sluis_provision.rehearsal import DriveFaults, VirtualPico, micropython
from sluis_provision.rehearsal.bootrom import practice_image

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

UID = "e66141040302010a"
FILLING = os.urandom(200_000)
Eventually = Callable[..., Awaitable[None]]
Picos = Callable[..., Awaitable[VirtualPico]]


@asynccontextmanager
async def a_pico(folder: Path, **how: Any) -> AsyncIterator[VirtualPico]:
    made = VirtualPico(str(micropython()), folder / "board", UID, **how)
    running = asyncio.ensure_future(made.run())
    made.power(True)
    await made.ready()
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(autouse=True)
def _a_drive_that_stays_is_soon_believed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flasher_module, "LEAVES_S", 0.3)


@pytest.fixture
async def picos(tmp_path: Path) -> AsyncIterator[Picos]:
    """Makes them, bare."""
    async with AsyncExitStack() as stack:

        async def make(**how: Any) -> VirtualPico:
            return await stack.enter_async_context(a_pico(tmp_path, **how))

        yield make


def flasher(pico: VirtualPico, kind: str = "pico-w") -> Uf2:
    files = profile(kind).file_system
    return Uf2(by_name(str(pico.cable)), name="the board", file_system=(files.at, files.size))


def image(chip: str = "rp2040") -> Part:
    return Part("image", practice_image(chip, FILLING))


def program_in(pico: VirtualPico) -> bytes:
    """What its flash holds, as far as the image goes."""
    return (pico.cable.parent / "flash.img").read_bytes()[: uf2.read(image(pico.chip).content).end]


def whole(part: Part) -> bytes:
    return b"".join(content for _, content in uf2.read(part.content).stretches())


# -- from a bare chip to MicroPython and back ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "chip"), [pytest.param("pico-w", "rp2040", marks=pytest.mark.soak), ("pico-2-w", "rp2350")]
)
async def test_it_is_flashed_starts_gets_files_and_is_flashed_again(picos: Picos, kind: str, chip: str) -> None:
    pico, part = await picos(kind=kind), image(chip)
    assert pico.in_bootsel and not pico.cable.exists()
    by_uf2 = flasher(pico, kind)
    assert (await by_uf2.probe()).chip == chip
    seen: list[tuple[int, int]] = []
    await by_uf2.write([part], lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] >= len(FILLING)
    started = await by_uf2.boot()
    assert (started.chip, started.uid) == (chip, UID) and started.version
    assert await by_uf2.verify([part]) == ()
    assert await by_uf2.verify([Part("another", practice_image(chip, os.urandom(9_000)))]) != ()
    file = Part("main.py", b"print('here')\n", file="/main.py")
    await Repl(str(pico.cable)).write([file])
    await by_uf2.enter_loader()
    assert pico.in_bootsel and not pico.cable.exists()
    await by_uf2.write([part])
    assert await Repl(str(pico.cable)).verify([file]) == (), "its files are not in the image"
    await by_uf2.enter_loader()
    await by_uf2.erase()
    await by_uf2.write([part])
    assert await Repl(str(pico.cable)).verify([file]) == (file,)


async def test_a_file_of_any_name_is_taken_and_what_is_for_another_chip_is_not(
    picos: Picos, tmp_path: Path, eventually: Eventually
) -> None:
    pico = await picos()
    (tmp_path / "other.uf2").write_bytes(practice_image("rp2350"))
    (tmp_path / "firmware.uf2").write_bytes(image().content)
    (tmp_path / "letter.txt").write_bytes(os.urandom(4_000))
    for name in ("other.uf2", "letter.txt", "firmware.uf2"):
        shutil.copy(tmp_path / name, pico.drive)
    await eventually(lambda: pico.cable.exists())
    assert program_in(pico) == whole(image())


async def test_a_part_that_begins_within_a_sector_harms_nobody(picos: Picos) -> None:
    """The RP2040 erases by the number of a block: a file as others make it comes out damaged, ours does not."""
    pico = await picos()
    parts = [image(), Part("font", os.urandom(3_000), at=0x60700), Part("key", os.urandom(700), at=0x81000)]
    by_uf2 = flasher(pico)
    await by_uf2.write(parts)
    await by_uf2.boot()
    assert await by_uf2.verify(parts) == ()


async def test_the_rom_erases_by_the_number_of_a_block_on_an_rp2040(picos: Picos, eventually: Eventually) -> None:
    pico = await picos()
    blocks = dict(uf2.read(image().content).blocks) | dict(uf2.cut(0x80000, os.urandom(8_192)))
    del blocks[max(at for at in blocks if at < 0x80000)]  # a gap at the end of a sector
    order = sorted(blocks)
    made = b"".join(
        uf2.HEAD.pack(uf2.FIRST, uf2.SECOND, uf2.HAS_FAMILY, uf2.FLASH_AT + at, 256, n, len(order), 0xE48BFF56)
        + blocks[at].ljust(476, b"\0")
        + struct.pack("<I", uf2.LAST)
        for n, at in enumerate(order)
    )
    (pico.drive / "bad.uf2").write_bytes(made)
    await eventually(lambda: pico.cable.exists())
    held = (pico.cable.parent / "flash.img").read_bytes()
    assert any(held[at : at + 256] != blocks[at] for at in order)


# -- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 783, *(pytest.param(n, marks=pytest.mark.soak) for n in (0, 300, 768))])
async def test_pulled_half_way_it_comes_back_as_a_drive_and_is_written(
    picos: Picos, eventually: Eventually, after: int
) -> None:
    """Also where an older program was on it: what is left of both is not started."""
    pico = await picos()
    by_uf2 = flasher(pico)
    await by_uf2.write([image()])
    await by_uf2.boot()
    await by_uf2.enter_loader()
    pico.faults = DriveFaults(unplugged_after=after)
    pico.power(False)
    await eventually(lambda: not pico.in_bootsel)
    pico.power(True, bootsel=True)
    await eventually(lambda: pico.in_bootsel)
    other = Part("other", practice_image("rp2040", os.urandom(200_000)))
    with suppress(Unplugged):  # of the last blocks nobody can say whether the board had them
        await by_uf2.write([other])
        assert after > 700
    await eventually(lambda: not pico.powered)
    pico.faults = DriveFaults()
    pico.power(True)
    await eventually(lambda: pico.in_bootsel or pico.cable.exists())
    assert pico.in_bootsel == (after > 0)
    if pico.in_bootsel:
        with pytest.raises(NotStarted, match="as the drive"):
            await by_uf2.boot()
    else:
        await by_uf2.enter_loader()
    await by_uf2.write([other])
    await by_uf2.boot()
    assert await by_uf2.verify([other]) == ()


async def test_a_drive_that_breaks_off_is_told_and_written_when_it_is_plugged_in_anew(
    picos: Picos, eventually: Eventually
) -> None:
    pico = await picos(faults=DriveFaults(breaks_after=200))
    by_uf2 = flasher(pico)
    for _ in range(2):
        with pytest.raises(NoAnswer, match="takes no more"):
            await by_uf2.write([image()])
    pico.faults = DriveFaults()
    pico.power(False)
    await eventually(lambda: not pico.in_bootsel)
    pico.power(True)
    await eventually(lambda: pico.in_bootsel)
    await by_uf2.write([image()])
    await by_uf2.boot()
    assert await by_uf2.verify([image()]) == ()


async def test_a_drive_for_reading_only_is_told(picos: Picos) -> None:
    pico = await picos(faults=DriveFaults(read_only=True))
    with pytest.raises(PortUnusable, match="cannot be written"):
        await flasher(pico).write([image()])
    assert pico.in_bootsel


async def test_an_image_for_another_chip_is_refused_before_the_drive_is_touched(picos: Picos) -> None:
    pico = await picos()
    with pytest.raises(WrongImage):
        await flasher(pico).write([image("rp2350")])
    assert pico.in_bootsel


async def test_a_rom_that_ignores_the_image_is_not_taken_for_flashed(
    picos: Picos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flasher_module, "TURNS_S", 0.5)
    pico = await picos(faults=DriveFaults(says="rp2350"))
    with pytest.raises(NotVerified, match="did not take"):
        await flasher(pico, "pico-2-w").write([image("rp2350")])


async def test_whoever_dies_leaves_a_drive_that_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody is at the other end of the pipe in it."""
    folder = tmp_path / "cable.bootsel"
    folder.mkdir()
    os.mkfifo(folder / "sluis.uf2")
    (folder / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    with pytest.raises(ProvisionError):
        await Uf2(by_name(str(tmp_path / "cable")), name="the board").write([image()])


# -- the whole run ------------------------------------------------------------------------------------------


async def test_one_command_goes_from_a_bare_pico_to_its_files_though_it_was_unplugged(
    picos: Picos, tmp_path: Path, eventually: Eventually
) -> None:
    pico = await picos(faults=DriveFaults(unplugged_after=500))
    (tmp_path / "firmware.uf2").write_bytes(image().content)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "main.py").write_text("print('alive')\n")
    command = [sys.executable, "-m", "sluis", "--data-dir", str(tmp_path / "data"), "flash", "--profile", "pico-w"]
    command += ["--port", str(pico.cable), "--image", str(tmp_path / "firmware.uf2")]
    command += ["--files", str(tmp_path / "files"), "--yes", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    await eventually(lambda: not pico.powered, 60)
    pico.faults = DriveFaults()
    pico.power(True)
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0, said.decode()
    assert UID in said.decode() and "it is back" in said.decode()
    assert program_in(pico) == whole(image())
    assert await Repl(str(pico.cable)).verify([Part("main.py", b"print('alive')\n", file="/main.py")]) == ()


async def test_a_hand_at_it_brings_back_a_pico_whose_program_never_yields(picos: Picos, eventually: Eventually) -> None:
    pico = await picos()
    by_uf2 = flasher(pico)
    await by_uf2.write([image()])
    await by_uf2.boot()
    pico.cable.with_name("cable.buttons").write_text("load\n")
    await eventually(lambda: pico.in_bootsel)
    pico.cable.with_name("cable.buttons").write_text("boot\n")
    await eventually(lambda: pico.cable.exists())
    assert (await by_uf2.boot()).uid == UID
