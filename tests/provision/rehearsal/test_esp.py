"""A virtual Espressif chip in the hands of esptool as it comes, and of the flasher that ships."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sluis.model import ProvisionError
from sluis_provision.flashers import Esp, Part, Repl
from sluis_provision.flashers.problem import NoAnswer, NotStarted, NotVerified, TooLarge, WrongImage
from sluis_provision.images import esp
from sluis_provision.rehearsal import Faults, VirtualEsp, micropython
from sluis_provision.rehearsal.esp_image import practice_image

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

MAC = "7cdfa1000001"
VERSION = "1.29.0"
FILLING = os.urandom(60_000)
Eventually = Callable[..., Awaitable[None]]


@asynccontextmanager
async def a_chip(folder: Path, **how: Any) -> AsyncIterator[VirtualEsp]:
    """With power, and in its loader: somebody holds BOOT at the start."""
    made = VirtualEsp(str(micropython()), folder / "board", MAC, **how)
    running = asyncio.ensure_future(made.run())
    made.power(True)
    await made.ready()
    made.press(load=True)
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def chips(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[VirtualEsp]]]:
    """Makes them."""
    async with AsyncExitStack() as stack:

        async def make(**how: Any) -> VirtualEsp:
            return await stack.enter_async_context(a_chip(tmp_path, **how))

        yield make


async def esptool(port: str, *words: str | Path, code: int = 0) -> str:
    """What the unmodified program says."""
    command = [sys.executable, "-m", "esptool", "--port", port, *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL
    )
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == code, said.decode()
    return said.decode()


def image(chip: str = "esp32c3") -> Part:
    return Part("image", practice_image(chip, VERSION, FILLING), esp.loader_at(chip))


# -- esptool, as it comes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stub", [(), ("--no-stub",)], ids=["stub", "rom"])
@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32s3"])
async def test_esptool_knows_writes_and_verifies_it(
    chips: Callable[..., Awaitable[VirtualEsp]], tmp_path: Path, chip: str, stub: tuple[str, ...]
) -> None:
    port = str((await chips(chip=chip)).cable)
    told = await esptool(port, "--after", "no-reset", *stub, "flash-id")
    assert "7c:df:a1:00:00:01" in told and "Detected flash size: 4MB" in told
    assert f"Chip type:          {chip.upper()}".replace("32C", "32-C").replace("32S", "32-S") in told
    part = image(chip)
    (tmp_path / "image.bin").write_bytes(part.content)
    keep = ("--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep")
    there = (hex(part.at), tmp_path / "image.bin")
    assert "Hash of data verified" in await esptool(port, "--after", "no-reset", *stub, "write-flash", *keep, *there)
    assert "Verification successful" in await esptool(port, "--after", "no-reset", *stub, "verify-flash", *keep, *there)


async def test_esptool_reads_erases_and_only_clears_bits(
    chips: Callable[..., Awaitable[VirtualEsp]], tmp_path: Path
) -> None:
    port = str((await chips()).cable)
    content = os.urandom(20_000)
    (tmp_path / "a.bin").write_bytes(content)
    quiet = ("--after", "no-reset")
    await esptool(port, *quiet, "-b", "921600", "write-flash", "0x20000", tmp_path / "a.bin")
    await esptool(port, *quiet, "read-flash", "0x20000", "20000", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    await esptool(port, *quiet, "erase-region", "0x21000", "0x1000")
    await esptool(port, *quiet, "read-flash", "0x20000", "20000", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content[:4096] + b"\xff" * 4096 + content[8192:]
    await esptool(port, *quiet, "erase-flash")
    await esptool(port, *quiet, "read-flash", "0", "0x400000", tmp_path / "all.bin")
    assert (tmp_path / "all.bin").read_bytes() == b"\xff" * (4 << 20)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's own thread
async def test_over_a_serial_server_its_lines_reset_it(
    chips: Callable[..., Awaitable[VirtualEsp]], tmp_path: Path
) -> None:
    """esptool resets it into its loader, writes, resets it again, and the same port is MicroPython's prompt."""
    chip = await chips()
    chip.press()
    port = await chip.serve_lines()
    (tmp_path / "image.bin").write_bytes(image().content)
    said = await esptool(port, "-b", "921600", "write-flash", "0x0", tmp_path / "image.bin")
    assert "Hash of data verified" in said and "Hard resetting" in said
    flasher = Repl(port)
    assert (await flasher.probe()).uid == MAC
    part = Part("hello", b"print('hello')\n", file="/hello.py")
    await flasher.write([part])
    assert await flasher.verify([part]) == ()


# -- the flasher --------------------------------------------------------------------------------------------


async def test_a_chip_is_known_written_read_back_and_started_and_keeps_its_files(
    chips: Callable[..., Awaitable[VirtualEsp]],
) -> None:
    chip = await chips()
    chip.press()
    flasher = Esp(str(chip.cable))
    found = await flasher.probe()
    assert (found.chip, found.uid, found.flash_bytes, found.version) == ("esp32c3", MAC, 4 << 20, "")
    sure: list[Part] = []
    told: list[int] = []
    await flasher.write([image()], lambda done, _total: told.append(done), sure.append)
    assert told == sorted(told) and told[-1] == len(image().content) and sure == [image()]
    assert await flasher.verify([image()]) == ()
    assert (await flasher.boot()).version == VERSION
    file = Part("file", os.urandom(9_000), file="/lib/kept.bin")
    await Repl(str(chip.cable)).write([file])
    again = Esp(str(chip.cable))
    assert (await again.probe()).version == VERSION
    await again.write([image()])
    await again.boot()
    assert await Repl(str(chip.cable)).verify([file]) == (), "its files are elsewhere in its flash"
    await again.enter_loader()
    await again.erase()
    assert await again.verify([image()]) == (image(),)
    await again.write([image()])
    await again.boot()
    assert await Repl(str(chip.cable)).verify([file]) == (file,)


async def test_the_wrong_image_is_refused_before_a_byte_is_written(
    chips: Callable[..., Awaitable[VirtualEsp]],
) -> None:
    chip = await chips()
    flasher = Esp(str(chip.cable))
    with pytest.raises(WrongImage, match="made for esp32s3"):
        await flasher.write([image("esp32s3")])
    with pytest.raises(TooLarge):
        await flasher.write([Part("much", bytes(8), at=(4 << 20) - 4)])
    assert chip.faults.blocks == 0


async def test_a_refused_block_is_sent_again(chips: Callable[..., Awaitable[VirtualEsp]]) -> None:
    flasher = Esp(str((await chips(faults=Faults(refuse=2))).cable))
    await flasher.write([image()])
    assert await flasher.verify([image()]) == ()


@pytest.mark.slow
async def test_after_a_lost_answer_it_goes_on_at_a_lower_speed(
    chips: Callable[..., Awaitable[VirtualEsp]],
) -> None:
    flasher = Esp(str((await chips(faults=Faults(lose=2))).cable))
    await flasher.write([image()])
    assert flasher._bauds[0] < 921600
    assert await flasher.verify([image()]) == ()


async def test_a_cable_that_is_too_long_for_the_speed_is_used_at_another(
    chips: Callable[..., Awaitable[VirtualEsp]],
) -> None:
    flasher = Esp(str((await chips(faults=Faults(noisy_above=500_000))).cable))
    await flasher.write([image()])
    assert flasher._bauds == [460800, 115200]
    assert await flasher.verify([image()]) == ()


async def test_a_cell_that_is_worn_is_seen(chips: Callable[..., Awaitable[VirtualEsp]]) -> None:
    worn = next(at for at, byte in enumerate(image().content) if byte & 1)
    flasher = Esp(str((await chips(faults=Faults(stuck=worn))).cable))
    with pytest.raises(NotVerified):
        await flasher.write([image()])
    assert await flasher.verify([image()]) == (image(),)


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 3])
async def test_without_power_half_way_nothing_starts_and_the_next_attempt_repairs_it(
    chips: Callable[..., Awaitable[VirtualEsp]], block: int
) -> None:
    chip = await chips(faults=Faults(dark=block))
    flasher = Esp(str(chip.cable), bauds=[921600])
    with pytest.raises((NoAnswer, ProvisionError)) as error:
        await flasher.write([image()])
    assert error.value.hint, "it says what to do"
    assert not chip.powered
    chip.power(True)
    await chip.ready()
    with pytest.raises(NotStarted):
        await Esp(str(chip.cable)).boot()
    repaired = Esp(str(chip.cable))
    await repaired.probe()
    await repaired.write([image()])
    assert await repaired.verify([image()]) == ()
    assert (await repaired.boot()).version == VERSION
