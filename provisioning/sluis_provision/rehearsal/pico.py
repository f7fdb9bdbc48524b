"""A virtual Raspberry Pi Pico: its ROM's drive while there is nothing to start or BOOTSEL is held, else MicroPython.

Its USB is its own, as on the real ones: its port is gone while it is off, resets, or is a drive. The drive is the
folder `cable.bootsel` beside the port `cable`, where the flasher looks for it. A hand at it is a pipe, `cable.buttons`:
`load` plugs it in anew with BOOTSEL held, `boot` without, a line each. What starts is the interpreter of this machine,
with its files where that board's profile says; the code in the image is not run.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sluis_provision.flashers.drives import BESIDE
from sluis_provision.images.profiles import profile
from sluis_provision.rehearsal.board import LOADER, SOFT, VirtualBoard
from sluis_provision.rehearsal.bootrom import Bootrom, starts
from sluis_provision.rehearsal.bootsel import Drive, DriveFaults
from sluis_provision.rehearsal.hardware import BLOCK
from sluis_provision.rehearsal.nor import Nor

MACHINES = {"pico-w": "Raspberry Pi Pico W with RP2040", "pico-2-w": "Raspberry Pi Pico 2 W with RP2350"}
"""What MicroPython calls them."""
IN_FLASH = """
machine.bootloader = lambda *_: os.system('kill -VTALRM $PPID')
import uctypes as its_memory
class Memory:
    @staticmethod
    def bytearray_at(at, size):
        if not 0x10000000 <= at < 0x10000000 + {size}:
            return its_memory.bytearray_at(at, size)
        held = bytearray(size)
        flash.file.seek(at - 0x10000000)
        flash.file.readinto(held)
        return held
    def __getattr__(self, name):
        return getattr(its_memory, name)
sys.modules['uctypes'] = Memory()
its_sys = sys
class Implementation:
    _machine = {machine!r}
    def __getattr__(self, name):
        return getattr(its_sys.implementation, name)
    def __getitem__(self, index):
        return its_sys.implementation[index]
class System:
    implementation = Implementation()
    def __getattr__(self, name):
        return getattr(its_sys, name)
sys.modules['sys'] = System()
"""


class VirtualPico(VirtualBoard):
    """`kind`: `pico-w` or `pico-2-w`. `paced`: its flash takes the time that it takes; else it takes none."""

    def __init__(
        self,
        interpreter: str,
        folder: Path,
        uid: str,
        *,
        kind: str = "pico-w",
        radio: bool = False,
        faults: DriveFaults | None = None,
        paced: bool = False,
    ) -> None:
        super().__init__(interpreter, folder, uid, radio=radio)
        self._kind = profile(kind)
        self.drive = Path(f"{self.cable}{BESIDE}")
        self.faults = faults or DriveFaults()
        self._paced = paced
        self._bootsel = False

    @property
    def chip(self) -> str:
        return self._kind.chip

    @property
    def in_bootsel(self) -> bool:
        return self.drive.exists()

    def power(self, on: bool, *, bootsel: bool = False) -> None:
        """Plug it in, with BOOTSEL held or not; or pull its plug."""
        self._bootsel = bootsel
        if not on:
            self._leaves.set()
        super().power(on)

    def press(self, *, load: bool = False) -> None:
        """Unplug it, and plug it in again, with BOOTSEL held or not."""
        self.power(False)
        self.power(True, bootsel=load)

    async def run(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._hand(lambda load: self.press(load=load)):
            await self._lives()

    async def _lives(self) -> None:
        cause = 1
        while True:
            await self._powered.wait()
            self._leaves.clear()
            self._ready.clear()
            nor = Nor(self._folder / "flash.img", self._kind.flash_bytes)
            loads, self._bootsel = self._bootsel or cause == LOADER or not starts(self.chip, nor), False
            try:
                if loads:
                    await self._loading(nor)
                    cause = 1
            finally:
                nor.close()
            if not loads:
                cause = await self._running(cause)
            await asyncio.sleep(0 if loads or cause == LOADER else self._breath_s(cause))

    async def _running(self, cause: int) -> int:
        """From when its port appears until it goes."""
        ending = asyncio.ensure_future(self._ended())
        try:
            with self._cable() as cable:
                self._line = cable
                while True:
                    cause = await self._life(cause)
                    if cause != SOFT or self._leaves.is_set():
                        return cause
        finally:
            ending.cancel()

    async def _loading(self, nor: Nor) -> None:
        """As a drive, until it has an image or no power."""
        drive = Drive(self.drive, self.chip, Bootrom(self.chip, nor), self.faults, paced=self._paced)
        serving = asyncio.ensure_future(drive.serve())
        leaving = asyncio.ensure_future(self._leaves.wait())
        self._ready.set()
        try:
            await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (serving, leaving):
                task.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)
        if not serving.cancelled() and not serving.result():
            self.power(False)

    def _file_system(self) -> tuple[int, int]:
        files = self._kind.file_system
        return files.at, files.size // BLOCK

    def _chip(self) -> str:
        return IN_FLASH.format(size=self._kind.flash_bytes, machine=MACHINES[self._kind.key])
