"""A board of the demo: the node firmware on the real MicroPython (its unix port), with real littlefs as its flash.

What is wired to it is a file that the interpreter reads (`firmware/ports/unix/machine.py`), what it drives another.
Its console is a pseudo terminal, as a board's is: `sluis enrol --port` and a terminal program find it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

from sluis.shared import shared_dir
from sluis_provision.rehearsal.hardware import BLOCK, BLOCKS, BREATH_S, Hardware, ends_with_us

HEAP = "256K"
"""An RP2040 has some 180 kB for Python; words and blocks of this port are twice as wide."""
RESETS = {64: 2, 0: 5}
"""What the program's exit code says of how it ended, as the cause that it then finds: 2 hard, 5 soft. Else: power."""

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


class Board(Hardware):
    """One board without a prompt: when its program ends it starts again."""

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
        command = [self.interpreter, "-X", f"heapsize={HEAP}", str(self._folder / "prelude.py")]
        pipe = asyncio.subprocess.PIPE
        self._process = started = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(cause),
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

    def _typed(self, console: int) -> None:
        with contextlib.suppress(OSError):
            typed = os.read(console, 4096)
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(typed)
