"""A virtual ESP32, -C3 or -S3: its loader takes what esptool writes, and what is whole in its flash then starts.

Its cable is a pseudo terminal, on which esptool's resets do nothing, as on a board without the circuit for them: its
buttons are a pipe beside it (`cable.buttons`; `load` and `boot`, a line each). With `serve_lines` it is a serial server
too (RFC 2217), whose lines reset it as they reset a board.

Its flash is one image. Where the second stage loader, the partition table and an application are whole, MicroPython
starts, with its files in the partition `vfs` of that image: the real interpreter, not the code in the image.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from pathlib import Path

from sluis_provision.images import esp
from sluis_provision.rehearsal.board import VirtualBoard
from sluis_provision.rehearsal.esp_loader import CHIPS, Faults, Loader
from sluis_provision.rehearsal.hardware import BLOCK
from sluis_provision.rehearsal.lines import Lines
from sluis_provision.rehearsal.nor import Nor

FLASH_BYTES = 4 << 20
RESTARTS_S = 0.3
"""Between two tries of a chip whose flash holds nothing that starts."""
RESETS_S = 0.01
"""From its last word to its reset by itself, where that takes any time."""
BITS = 10
"""On the wire, for a byte."""
BAUDS = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}


class VirtualEsp(VirtualBoard):
    """`uid` is its MAC: 12 hex digits. `paced`: wire and flash take the time that they take; else they take none."""

    def __init__(
        self,
        interpreter: str,
        folder: Path,
        uid: str,
        *,
        chip: str = "esp32c3",
        radio: bool = False,
        flash_bytes: int = FLASH_BYTES,
        faults: Faults | None = None,
        paced: bool = False,
    ) -> None:
        super().__init__(interpreter, folder, uid, radio=radio)
        if chip not in CHIPS:
            raise ValueError(f"there is no virtual {chip}; there are {', '.join(CHIPS)}")
        self.chip = chip
        self.faults = faults or Faults()
        self._flash_bytes = flash_bytes
        self._paced = paced
        self._nor: Nor | None = None
        self._loader: Loader | None = None
        self._load = False
        """Whether its BOOT was held at the last reset."""
        self._free_at = 0.0
        self._unsaid = bytearray()
        """Of the loader's, until somebody reads."""
        self._lines: Lines | None = None

    # -- power and buttons --------------------------------------------------------------------------------

    def press(self, *, load: bool = False) -> None:
        """Reset it; into its loader, with BOOT held."""
        self._load = load
        self._stop()

    def power(self, on: bool) -> None:
        super().power(on)
        self._load = False
        self._stop()

    def _stop(self) -> None:
        self._leaves.set()
        self._loader = None
        self._unsaid.clear()

    async def run(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._nor = Nor(self._folder / "flash.img", self._flash_bytes, self.faults.stuck)
        try:
            with self._hand(lambda load: self.press(load=load)):
                await super().run()
        finally:
            if self._lines is not None:
                await self._lines.close()
            self._nor.close()

    async def serve_lines(self) -> str:
        """Be a serial server on this machine as well, until `run` ends; its address."""
        self._lines = Lines(self._take, self._reset_by_lines)
        return await self._lines.serve()

    def _reset_by_lines(self, load: bool | None) -> None:
        """None: it is held in reset."""
        self._load = bool(load)
        self._stop()

    # -- a life -------------------------------------------------------------------------------------------

    async def _life(self, cause: int) -> int:
        self._leaves.clear()
        if self._lines is not None and self._lines.held:
            await self._leaves.wait()
            return 1
        mode = "DOWNLOAD(USB/UART0)" if self._load else "SPI_FAST_FLASH_BOOT"
        self._say(f"ESP-ROM:{self.chip}\r\nrst:0x1 (POWERON),boot:0xc ({mode})\r\n".encode())
        if self._load:
            await self._loading()
            return 1
        if self._file_system()[1]:
            self._say(b"entry 0x40380000\r\n")
            ending = asyncio.create_task(self._ended())
            try:
                return await super()._life(cause)
            finally:
                ending.cancel()
        self._ready.set()
        while not self._leaves.is_set():
            self._say(b"rst:0x3 (RTC_SW_SYS_RST),boot:0xc (SPI_FAST_FLASH_BOOT)\r\ninvalid header: 0xffffffff\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESTARTS_S):
                    await self._leaves.wait()
        return 1

    def _breath_s(self, cause: int) -> float:
        return 0 if self._leaves.is_set() else super()._breath_s(cause)

    async def _loading(self) -> None:
        assert self._nor is not None
        self._say(b"waiting for download\r\n")
        self._loader = Loader(self.chip, bytes.fromhex(self.uid), self._nor, self.faults, self._answer)
        self._ready.set()
        await self._leaves.wait()
        self._ready.clear()

    def _file_system(self) -> tuple[int, int]:
        """Of the partition `vfs`; no blocks where nothing starts."""
        nor = self._nor
        assert nor is not None
        loader = nor.read(esp.loader_at(self.chip), esp.TABLE_AT - esp.loader_at(self.chip))
        parts = esp.partitions(nor.read(esp.TABLE_AT, 0xC00))
        programs = [one for one in parts if one.kind == 0]
        files = [one for one in parts if one.name == "vfs"]
        if not programs or not files or not esp.whole(loader) or esp.chip_of(loader) != self.chip:
            return 0, 0
        if not any(esp.whole(nor.read(one.at, one.size)) for one in programs):
            return 0, 0
        return files[0].at, files[0].size // BLOCK

    # -- what is on its cable -----------------------------------------------------------------------------

    def _take(self, typed: bytes) -> None:
        loader = self._loader
        if loader is None:
            super()._take(typed)
            return
        loader.baud = self._baud()
        self._spend(len(typed) * BITS / loader.baud)
        loader.heard(typed)
        if loader.left == "dark":
            self.power(False)
        elif loader.left and self._paced:  # when it has said what it has to say
            asyncio.get_running_loop().call_at(self._free_at + RESETS_S, self._start_anew, loader)
        elif loader.left:
            self._start_anew(loader)

    def _start_anew(self, loader: Loader) -> None:
        if loader is self._loader:
            self.press(load=loader.left == "load")

    def _answer(self, data: bytes, after_s: float) -> None:
        """Of the loader: all of it is said, unless the chip is reset before."""
        loader = self._loader
        assert loader is not None
        self._spend(after_s + len(data) * BITS / loader.baud)
        if self._paced:
            asyncio.get_running_loop().call_at(self._free_at, self._answered, loader, data)
        else:
            self._answered(loader, data)

    def _answered(self, loader: Loader, data: bytes) -> None:
        if loader is not self._loader:
            return
        if self._lines is None or not self._lines.tell(data):
            self._unsaid += data
            self._say_on()

    def _say_on(self) -> None:
        """A terminal holds less than esptool has read at once: the rest goes when somebody has read."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while self._unsaid:
                del self._unsaid[: os.write(self._line, self._unsaid)]
        if self._unsaid:
            loop.add_writer(self._line, self._say_on)
        else:
            loop.remove_writer(self._line)

    def _spend(self, time_s: float) -> None:
        """What the wire or the flash is busy with; nothing is said before."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time()) + time_s

    def _baud(self) -> int:
        """As the host has set it."""
        if self._lines is not None and self._lines.baud:
            return self._lines.baud
        try:
            return BAUDS.get(termios.tcgetattr(self._line)[4], 115200)
        except termios.error:
            return 115200

    def _say(self, data: bytes) -> None:
        """To whoever is there: the serial server's guest, else the terminal."""
        if self._lines is None or not self._lines.tell(data):
            super()._say(data)
