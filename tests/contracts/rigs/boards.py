"""A board that runs MicroPython: the real interpreter with a real littlefs, behind a pseudo terminal.

It starts again whenever it leaves, as a board does, and its flash outlives that.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

BLOCK, BLOCKS = 4096, 64
"""256 KiB of flash."""
READY = "<flash is mounted>"
"""Until the interpreter has said this it hears nothing from us: before, its files are those of this machine."""
PRELUDE = """
import os, vfs, sys
class Flash:
    def __init__(self): self.f = open({flash!r}, 'r+b')
    def readblocks(self, n, buf, off=0): self.f.seek(n * 4096 + off); self.f.readinto(buf)
    def writeblocks(self, n, buf, off=0): self.f.seek(n * 4096 + off); self.f.write(buf); self.f.flush()
    def ioctl(self, op, arg):
        if op == 4: return {blocks}
        if op == 5: return 4096
        if op == 6: self.f.seek(arg * 4096); self.f.write(b'\\xff' * 4096); return 0
_dev = Flash()
class _R:
    Flash = staticmethod(lambda: _dev)
sys.modules['rp2'] = _R
class _M:
    unique_id = staticmethod(lambda: bytes.fromhex({uid!r}))
sys.modules['machine'] = _M
try: _fs = vfs.VfsLfs2(_dev, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(_dev, progsize=256); _fs = vfs.VfsLfs2(_dev, progsize=256)
vfs.umount('/'); vfs.mount(_fs, '/'); os.chdir('/'); sys.path[:] = ['', '.frozen', '/lib']
sys.stdout.write({ready!r})
try: _s = open('main.py').read()
except OSError: _s = ''
try: exec(_s, {{'__name__': '__main__'}})
except Exception as e: sys.print_exception(e)
except KeyboardInterrupt: pass
"""


class MicroPythonBoard:
    """`port` is its serial port; `pull` takes it out, for ever."""

    def __init__(self, folder: Path, uid: str, held: bytes) -> None:
        beside = Path(sys.executable).with_name("micropython")
        self._vm = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
        if not self._vm:
            pytest.skip("no MicroPython for this machine: set MICROPYTHON")
        flash = folder / "flash.img"
        flash.write_bytes(held)
        self._prelude = folder / "prelude.py"
        self._prelude.write_text(PRELUDE.format(flash=str(flash), blocks=BLOCKS, uid=uid, ready=READY))
        self._line, self._host = os.openpty()
        tty.setraw(self._host)
        self.port = os.ttyname(self._host)
        self.bytes_until_pulled: int | None = None
        """After so many bytes from the host it is pulled."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while not self._ended.is_set():
            pid, fd = pty.fork()
            if pid == 0:
                os.execv(str(self._vm), [str(self._vm), "-X", "heapsize=256K", "-i", str(self._prelude)])
            self._set_up(fd)
            if self._mounted(fd):
                self._pump(fd)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(fd)
        for end in (self._line, self._host):
            os.close(end)

    def _set_up(self, fd: int) -> None:
        """Bytes as they are, but Ctrl-C is an interrupt, as on a board."""
        import termios

        tty.setraw(fd)
        mode = termios.tcgetattr(fd)
        mode[3] |= termios.ISIG
        mode[6][termios.VINTR] = b"\x03"
        for key in (termios.VQUIT, termios.VSUSP):
            mode[6][key] = b"\0"
        termios.tcsetattr(fd, termios.TCSANOW, mode)

    def _mounted(self, fd: int) -> bool:
        """Whether it came so far. What it says before that is not the board's."""
        said = b""
        while not self._ended.is_set():
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    data = os.read(fd, 1)
                except OSError:
                    return False
                said += data
                if not data or said.endswith(READY.encode()):
                    return bool(data)
        return False

    def _pump(self, fd: int) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self._line, fd], [], [], 0.05)
            if self._line in ready:
                data = os.read(self._line, 4096)
                if self.bytes_until_pulled is not None:
                    data = data[: self.bytes_until_pulled]
                    self.bytes_until_pulled -= len(data)
                os.write(fd, data)
                if self.bytes_until_pulled == 0:
                    self._ended.set()
            if fd in ready:
                try:
                    said = os.read(fd, 4096)
                except OSError:
                    return  # it left: a reset
                if not said:
                    return
                os.write(self._line, said)

    def pull(self) -> None:
        self._ended.set()
        self._thread.join(10)


@contextlib.contextmanager
def a_micropython_board(folder: Path, uid: str, held: bytes = b"\xff" * BLOCK * BLOCKS) -> Iterator[MicroPythonBoard]:
    """`held`: what its flash holds."""
    board = MicroPythonBoard(folder, uid, held)
    try:
        yield board
    finally:
        board.pull()
