"""RP2040 and RP2350: written by copying a UF2 to the drive that the chip's ROM shows in BOOTSEL.

The ROM takes block by block, ignores blocks for another chip without a word, and restarts when it has all of them; the
drive vanishes. It cannot be read back, so the started MicroPython is asked: it hashes its own flash, which both chips
map at 0x10000000 (RP2040 datasheet 2.6.3, RP2350 datasheet 4.4). An interrupted copy leaves a board without a sound
program, and such a board comes up in BOOTSEL again: the next attempt writes it anew.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path

from sluis.model import ProvisionError
from sluis_provision.flashers.console import greet, raw, who
from sluis_provision.flashers.drives import COPIED_AS, Spot, Whereabouts, chip_of, is_drive, unmounted
from sluis_provision.flashers.kinds import BoardFound, Part, Progress, no_part_sure, nothing_said
from sluis_provision.flashers.port import Port, opened
from sluis_provision.flashers.problem import (
    NoAnswer,
    NoRepl,
    NotStarted,
    NotVerified,
    PortUnusable,
    TooLarge,
    Unplugged,
    WrongImage,
)
from sluis_provision.images import uf2

COPY = 32 * 1024
"""Bytes between two looks whether the drive is still there: half a second of a slow hub."""
TURNS_S = 20.0
"""For a board to leave USB and come back as the other thing, and for the system to mount its drive. A Pi with a desktop
takes 3 s, one whose hub is full takes 10 s."""
FIRST_START_S = 30.0
"""For the first start, in which MicroPython makes its file system: 2 to 6 s for 2.5 MB of flash."""
LEAVES_S = 2.0
"""For the system to unmount the drive of a board that was pulled, after a write has failed."""
LOOK_S = 0.1
HASH = """
import hashlib, binascii, uctypes
def _x(a, n):
    h = hashlib.sha256()
    while n:
        k = min(n, 4096)
        h.update(uctypes.bytearray_at(a, k)); a += k; n -= k
    print(binascii.hexlify(h.digest()).decode())
"""


class Uf2:
    """One RP2040 or RP2350. `file_system`: address and size in flash, which `erase` blanks."""

    kind = "uf2"

    def __init__(self, where: Whereabouts, *, name: str, file_system: tuple[int, int] = (0, 0)) -> None:
        self.name = name
        self._where = where
        self._file_system = file_system
        self._blank = False

    async def probe(self) -> BoardFound:
        spot = await self._look()
        if spot.drive is not None:
            return BoardFound(chip=chip_of(spot.drive))
        if spot.port:
            async with raw(spot.port) as repl:
                return await who(repl)
        raise self._nowhere()

    async def enter_loader(self) -> None:
        """Ask its MicroPython for BOOTSEL. A board that is there already stays."""
        spot = await self._look()
        if spot.drive is not None:
            return
        if not spot.port:
            raise self._nowhere()
        async with raw(spot.port) as repl:
            with suppress(Unplugged, NoRepl):  # it leaves without an answer
                await repl.run("import machine; machine.bootloader()", within_s=2.0)
        await self._until(lambda: self._where.look().drive is not None, TURNS_S, self._nowhere())

    async def erase(self) -> None:
        """The board's files, by the next `write`, which writes all the rest of flash that counts."""
        self._blank = True

    async def write(
        self,
        parts: Sequence[Part],
        progress: Progress = nothing_said,
        sure: Callable[[Part], None] = no_part_sure,
    ) -> None:
        drive = (await self._look()).drive
        if drive is None:
            raise self._nowhere()
        whole = self._whole(parts, chip_of(drive))
        await self._copy(drive, whole, progress)
        gone = NotVerified(
            f"the board on {drive} did not take the image: its drive is still there after {TURNS_S:.0f} s"
        )
        await self._until(lambda: not is_drive(drive), TURNS_S, gone)
        self._blank = False
        for part in parts:
            sure(part)

    def _whole(self, parts: Sequence[Part], chip: str) -> bytes:
        """All parts as one UF2. WrongImage when one is for another chip than the drive's."""
        blocks: dict[int, bytes] = {}
        if self._blank:
            at, size = self._file_system
            blocks |= dict(uf2.cut(at, b"\xff" * size))
        for part in parts:
            if uf2.is_uf2(part.content):
                read = uf2.read(part.content, part.name)
                if read.chip != chip:
                    raise WrongImage(f"{part.name} is made for {read.chip}; the board has an {chip or 'unknown chip'}")
                blocks |= read.blocks
            else:
                blocks |= dict(uf2.cut(part.at, part.content))
        if chip not in uf2.FAMILY_OF:
            raise WrongImage(f"the drive of {self.name} does not say that it is an RP2040 or RP2350")
        made = uf2.Uf2(chip, blocks)
        if made.end > 16 << 20:
            raise TooLarge(f"what is to be written ends at {made.end >> 10} KiB, past any flash of this chip")
        return uf2.make(made)

    async def _copy(self, drive: Path, whole: bytes, progress: Progress) -> None:
        """Unplugged when the drive goes before its board can have everything; PortUnusable or NoAnswer when it stays
        and takes nothing (more)."""
        total, done = len(whole), 0
        try:
            with await asyncio.to_thread(_for_writing, drive / COPIED_AS) as file:
                while done < total:
                    if not is_drive(drive):
                        raise Unplugged(f"the board left {drive} after {100 * done // total} %")
                    done += await asyncio.to_thread(file.write, whole[done : done + COPY])
                    progress(done, total)
                with suppress(OSError):  # the board restarts with its last block, sometimes before the system is done
                    await asyncio.to_thread(os.fsync, file.fileno())
        except OSError as error:
            raise await self._broken_off(drive, error, 100 * done // total) from error

    async def _broken_off(self, drive: Path, error: OSError, percent: int) -> ProvisionError:
        """Why it could not be written further. A drive that was pulled stays mounted for a moment."""
        why = error.strerror or str(error)
        stays: ProvisionError = NoAnswer(
            f"the drive {drive} takes no more after {percent} %: {why}",
            hint="Unplug the board, hold BOOTSEL, plug it in, and run again; with another cable if that repeats.",
        )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            stays = PortUnusable(
                f"{drive} cannot be written: {why}",
                hint="Mount it so that Sluis may write to it (udisksctl does), or hold BOOTSEL and plug it in.",
            )
        try:
            await self._until(lambda: not is_drive(drive), LEAVES_S, stays)
        except ProvisionError as stayed:
            return stayed
        return Unplugged(f"the board left {drive} after {percent} %")

    async def verify(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Asks the started MicroPython for digests of its flash, all but the file system, which it has used by now."""
        port = await self._started()
        async with raw(port) as repl:
            await repl.run(HASH)
            wrong = []
            for part in parts:
                for at, content in self._program(part):
                    said = await repl.run(f"_x({uf2.FLASH_AT + at}, {len(content)})")
                    if said.strip() != Part("", content).sha256:
                        wrong.append(part)
                        break
        return tuple(wrong)

    def _program(self, part: Part) -> list[tuple[int, bytes]]:
        """The stretches of a part that are not in the file system."""
        first, size = self._file_system
        stretches = (
            uf2.read(part.content, part.name).stretches() if uf2.is_uf2(part.content) else [(part.at, part.content)]
        )
        return [(at, content) for at, content in stretches if not first <= at < first + size]

    async def boot(self) -> BoardFound:
        """It has started by itself; asked what it is, and started anew so that it runs on."""
        return await greet(await self._started())

    async def _started(self) -> str:
        late = NotStarted(
            f"{self.name} did not come back with a serial port", hint="Unplug it, plug it in, and run again."
        )
        await self._until(lambda: self._where.look() != Spot(), FIRST_START_S, late)
        spot = await self._look()
        if spot.drive is not None:
            raise NotStarted(
                f"{self.name} is back as the drive {spot.drive}: there is nothing whole in its flash",
                hint="Run again. If it comes back as a drive each time, the image is none for this board.",
            )
        return spot.port

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Port]:
        async with opened(await self._started()) as port:
            yield port

    async def _look(self) -> Spot:
        return await asyncio.to_thread(self._where.look)

    async def _until(self, condition: Callable[[], bool], within_s: float, late: Exception) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not await asyncio.to_thread(condition):
            if loop.time() > end:
                raise late
            await asyncio.sleep(LOOK_S)

    def _nowhere(self) -> NoAnswer:
        idle = unmounted()
        if idle:
            return NoAnswer(
                f"the drive of {self.name} is not mounted",
                hint=f"Mount it (udisksctl mount -b {idle[0]}), and name its folder with --port.",
            )
        return NoAnswer(
            f"{self.name} shows neither a drive nor a serial port",
            hint="Unplug it, hold BOOTSEL, plug it in, and try again. Some cables only charge.",
        )


def _for_writing(path: Path) -> FileIO:
    """Unbuffered. An opening that waits for somebody at the other end, which a pipe can do, fails instead."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
    os.set_blocking(file, True)
    return FileIO(file, "wb")
