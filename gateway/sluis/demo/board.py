"""A board of the demo: the node firmware on the real MicroPython (its unix port), with real littlefs as its flash.

What is wired to it is a file that the interpreter reads (`firmware/ports/unix/machine.py`), what it drives another.
Its console is a pseudo terminal, as a board's is: `sluis enrol --port` and a terminal program find it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import pty
import signal
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sluis.shared import shared_dir

log = logging.getLogger(__name__)

BLOCK, BLOCKS = 4096, 256
HEAP = "256K"
"""An RP2040 has some 180 kB for Python; words and blocks of this port are twice as wide."""
RESETS = {64: 2, 0: 5}
"""What the program's exit code says of how it ended, as the cause that it then finds: 2 hard, 5 soft. Else: power."""
BREATH_S = 0.5
"""Between an end and the next start, so that a program that ends at once does not cost a processor."""
PR_SET_PDEATHSIG = 1

PRELUDE = """\
import sys, os, vfs
sys.path[:] = ['', '.frozen', {unix!r}]
import machine
class Flash:
    def __init__(self):
        self.file = open({flash!r}, 'r+b')
    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * {block} + offset)
        self.file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0):
        self.file.seek(block * {block} + offset)
        self.file.write(buffer)
        self.file.flush()
    def ioctl(self, op, argument):
        return {{4: {blocks}, 5: {block}, 6: 0}}.get(op)
flash = Flash()
vfs.umount('/')
vfs.mount(vfs.VfsLfs2(flash, progsize=256, readsize=256), '/')
os.chdir('/')
sys.path[:] = ['', '.frozen', '/lib']
for name in ('/boot.py', '/main.py'):
    with open(name) as file:
        exec(compile(file.read(), name, 'exec'), {{'__name__': '__main__'}})
"""


class Board:
    """One board, from its folder. What is in its flash stays from run to run."""

    def __init__(self, interpreter: str, folder: Path, uid: str) -> None:
        self.uid = uid
        self.cable = folder / "cable"
        self._folder = folder
        self._interpreter = interpreter
        self._process: asyncio.subprocess.Process | None = None
        self._powered = asyncio.Event()
        self._world = ""

    @property
    def exists(self) -> bool:
        """Whether it has been flashed before."""
        return (self._folder / "flash.img").exists()

    def flash(self, files: Mapping[str, bytes]) -> None:
        """A fresh flash with these files, by path."""
        from littlefs import LittleFS

        made = LittleFS(block_size=BLOCK, block_count=BLOCKS, prog_size=256, read_size=256)
        for path, content in files.items():
            made.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
            with made.open(path, "wb") as file:
                file.write(content)
        self._folder.mkdir(parents=True, exist_ok=True)
        image = self._folder / "flash.img"
        beside = image.with_suffix(".new")
        beside.touch(0o600)  # it will hold a key
        beside.write_bytes(bytes(made.context.buffer))
        beside.replace(image)

    # -- its surroundings ---------------------------------------------------------------------------------

    def wire(self, world: Mapping[str, Any]) -> None:
        """What is wired to its pins from now on."""
        text = json.dumps(world)
        if text != self._world:
            # In place, as the interpreter holds the file open; half of it is thrown away there.
            (self._folder / "world.json").write_text(text)
            self._world = text

    def level(self, pin: int) -> bool:
        """Whether it drives a pin high."""
        with contextlib.suppress(OSError, ValueError):
            driven = json.loads((self._folder / "pins.json").read_text())
            return self._process is not None and driven.get(str(pin), {}).get("level") == 1
        return False

    # -- power --------------------------------------------------------------------------------------------

    def power(self, on: bool) -> None:
        """Plug it in, or pull its plug: at once, and without a goodbye."""
        if on:
            self._powered.set()
            return
        self._powered.clear()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                self._process.kill()

    def hang(self, hangs: bool) -> None:
        """It stands still with its connections open, or goes on."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGSTOP if hangs else signal.SIGCONT)

    async def run(self) -> None:
        """Until cancelled: it starts when it has power, and again when it resets."""
        (self._folder / "prelude.py").write_text(
            PRELUDE.format(
                unix=str(shared_dir("firmware") / "ports" / "unix"),
                flash=str(self._folder / "flash.img"),
                block=BLOCK,
                blocks=BLOCKS,
            )
        )
        cause = 1
        with self._cable() as console:
            while True:
                await self._powered.wait()
                cause = RESETS.get(await self._life(cause, console), 1)
                await asyncio.sleep(BREATH_S)

    async def _life(self, cause: int, console: int) -> int:
        """From a start to the next; how it ended."""
        env = {"SLUIS_WORLD": str(self._folder / "world.json"), "SLUIS_PINS": str(self._folder / "pins.json")}
        env |= {"SLUIS_UID": self.uid, "SLUIS_RESET_CAUSE": str(cause)}
        command = [self._interpreter, "-X", f"heapsize={HEAP}", str(self._folder / "prelude.py")]
        pipe = asyncio.subprocess.PIPE
        self._process = started = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            env=env,
            start_new_session=True,  # Ctrl-C is for the demo, which stops it
            preexec_fn=ends_with_us(),
        )
        try:
            assert started.stdout is not None
            while said := await started.stdout.read(4096):
                with contextlib.suppress(OSError):  # nobody reads at the other end
                    os.write(console, said)
            return await started.wait()
        finally:
            self._process = None
            if started.returncode is None:
                started.kill()
                await started.wait()

    @contextlib.contextmanager
    def _cable(self) -> Iterator[int]:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)  # what nobody reads is lost, as on a real one
        self.cable.unlink(missing_ok=True)
        self.cable.symlink_to(os.ttyname(theirs))
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, self._typed, ours)
        try:
            yield ours
        finally:
            loop.remove_reader(ours)
            self.cable.unlink(missing_ok=True)
            os.close(theirs)
            os.close(ours)

    def _typed(self, console: int) -> None:
        with contextlib.suppress(OSError):
            typed = os.read(console, 4096)
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(typed)


def ends_with_us() -> Callable[[], None]:
    """For a child: the kernel ends it when this process is gone, however that went."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
