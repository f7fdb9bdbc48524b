"""The drive of a virtual RP2040 or RP2350 in BOOTSEL: a folder that is there as long as the board is.

Whatever file is copied into it reaches the ROM (`Bootrom`), sector by sector. The file that our own flasher writes is a
pipe there: so it is written no faster than the flash takes it, and a cable that is pulled half-way is felt half-way. A
file of another name is read as it grows.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluis_provision.flashers.drives import BOARDS, COPIED_AS, INFO
from sluis_provision.images import uf2
from sluis_provision.rehearsal.bootrom import Bootrom

LOOK_S = 0.05
"""Between two looks for files of another name."""
AT_ONCE = 32 * uf2.BLOCK
LOADERS = {"rp2040": ("v3.0", "Raspberry Pi RP2"), "rp2350": ("v1.0", "Raspberry Pi RP2350")}
PAGE = '<html><head><meta http-equiv="refresh" content="0;URL=\'https://www.raspberrypi.com/\'"/></head></html>\n'
NOT_FOR_WRITING = "/proc/sys/kernel/ostype"
"""Refuses everybody, also a root who may write into a folder that is for reading only."""
MAGIC = uf2.HEAD.pack(uf2.FIRST, uf2.SECOND, 0, 0, 0, 0, 0, 0)[:8]


@dataclass(frozen=True, slots=True)
class DriveFaults:
    """What is wrong with a board, its drive or its cable."""

    unplugged_after: int | None = None
    """Blocks, then the cable is out."""
    breaks_after: int | None = None
    """Blocks, then the drive takes no more, though it is still there."""
    read_only: bool = False
    says: str = ""
    """The chip that its INFO_UF2.TXT names, when that is not its own."""


class Drive:
    """`serve` shows it."""

    def __init__(self, folder: Path, chip: str, rom: Bootrom, faults: DriveFaults, *, paced: bool = False) -> None:
        self._folder = folder
        self._chip = chip
        self._rom = rom
        self._faults = faults
        self._paced = paced
        self._seen: dict[Path, int] = {}
        """File of another name -> bytes of it that the ROM has had."""

    async def serve(self) -> bool:
        """Until the ROM has a whole file: True. False when the cable was pulled."""
        pipe = self._show()
        heard, there = bytearray(), asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            if pipe >= 0:
                loop.add_reader(pipe, there.set)
            while not self._rom.complete:
                heard += await self._next(pipe, there)
                while (sector := _sector(heard)) and not self._rom.complete:
                    if self._pulled():
                        return False
                    if self._broken():
                        pipe = _closed(pipe)
                        break
                    busy_s = self._rom.block(sector)
                    if self._paced:
                        await asyncio.sleep(busy_s)
            return True
        finally:
            (self._folder / INFO).unlink(missing_ok=True)
            _closed(pipe)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _show(self) -> int:
        """The pipe; -1 where the drive is for reading only."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        version, model = LOADERS[self._chip]
        named = next(name for name, chip in BOARDS.items() if chip == (self._faults.says or self._chip))
        (self._folder / "INDEX.HTM").write_text(PAGE)
        copied = self._folder / COPIED_AS
        pipe = -1
        if self._faults.read_only:
            copied.symlink_to(NOT_FOR_WRITING)
        else:
            os.mkfifo(copied)
            pipe = os.open(copied, os.O_RDWR | os.O_NONBLOCK)
        # Last: by this file it is known, and then all of it is there.
        beside = self._folder / f"{INFO}.new"
        beside.write_text(f"UF2 Bootloader {version}\nModel: {model}\nBoard-ID: {named}\n")
        beside.replace(self._folder / INFO)
        if self._faults.read_only:
            self._folder.chmod(0o555)
        return pipe

    async def _next(self, pipe: int, there: asyncio.Event) -> bytes:
        """What was written to it, when something was."""
        there.clear()
        with suppress(OSError):  # nothing in it, or closed
            return os.read(pipe, AT_ONCE)
        copied = self._copied()
        if not copied:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await there.wait()
        return copied

    def _copied(self) -> bytes:
        """More of the files of other names."""
        for file in self._folder.glob("*.[uU][fF]2"):
            if file.name != COPIED_AS and file.is_file():
                with file.open("rb") as held:
                    held.seek(self._seen.get(file, 0))
                    data = held.read(AT_ONCE)
                if data:
                    self._seen[file] = self._seen.get(file, 0) + len(data)
                    return data
        return b""

    def _pulled(self) -> bool:
        return self._faults.unplugged_after is not None and self._rom.took >= self._faults.unplugged_after

    def _broken(self) -> bool:
        return self._faults.breaks_after is not None and self._rom.took >= self._faults.breaks_after


def _sector(heard: bytearray) -> bytes:
    """The next of them; empty until all of it is there. What is not UF2 is passed over: half a sector of a copy that
    was broken off."""
    at = heard.find(MAGIC)
    del heard[: at if at >= 0 else max(0, len(heard) - len(MAGIC) + 1)]
    if len(heard) < uf2.BLOCK:
        return b""
    sector = bytes(heard[: uf2.BLOCK])
    del heard[: uf2.BLOCK]
    return sector


def _closed(pipe: int) -> int:
    """Whoever writes to it is told."""
    if pipe >= 0:
        asyncio.get_running_loop().remove_reader(pipe)
        os.close(pipe)
    return -1
