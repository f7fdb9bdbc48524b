"""The real MicroPython, for tests: single scripts, and whole nodes with real littlefs as their flash."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import littlefs
import pytest

from sluis_provision.bundle import File, build

ROOT = Path(__file__).parents[2]
LIB = ROOT / "firmware" / "lib"
UNIX = ROOT / "firmware" / "ports" / "unix"
HERE = Path(__file__).parent

HEAP = "256K"
"""An RP2040 has some 180 kB for Python. The VM's words and blocks are twice as wide, so this is less than that."""

BLOCK, BLOCKS = 4096, 256
STARTS_MAX = 30


def micropython() -> str:
    """The interpreter: `$MICROPYTHON`, or the wheel's beside this Python."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        pytest.skip("no MicroPython for this machine: set MICROPYTHON")
    return found


PATHS = f"import sys\nsys.path[:] = ['', '.frozen', {str(LIB)!r}, {str(UNIX)!r}]\n"


def run(script: str, heap: str = "4M", timeout_s: float = 50) -> str:
    """What a script prints; its failure is the test's."""
    command = [micropython(), "-X", f"heapsize={heap}", "-c", PATHS + script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=HERE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@functools.cache
def application() -> tuple[File, ...]:
    """The node's files as they ship."""
    return build()


PRELUDE = """
import sys, os, vfs
sys.path[:] = ['', '.frozen', {unix!r}]
import machine
if {radio!r}:
    sys.path.append({unix!r} + '/radio')
    import network
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
        if op == 4:
            return {blocks}
        if op == 5:
            return {block}
        if op == 6:
            return 0
flash = Flash()
vfs.umount('/')
vfs.mount(vfs.VfsLfs2(flash, progsize=256, readsize=256), '/')
os.chdir('/')
sys.path[:] = ['', '.frozen', '/lib']
if {prompt!r}:
    import micropython
    class Quiet:  # the port would let a signal end it, where a board lets the byte through
        def __getattr__(self, name):
            return getattr(micropython, name)
        def kbd_intr(self, char):
            pass
    sys.modules['micropython'] = Quiet()
    machine.reset = lambda: os.system('kill -USR1 $PPID')  # leaving by itself would end at the prompt
def execute(name):
    with open(name) as file:
        exec(compile(file.read(), name, 'exec'), {{'__name__': '__main__'}})
execute('/boot.py')
execute('/main.py')
"""


class Node:
    """A node: the real firmware on the real interpreter, started again by itself when it resets.

    Its flash is an image file. Files are read and written from outside, as by a programmer, while the power is off;
    reading works at any time, from the blocks as they are. With `prompt` it has MicroPython's prompt when its program
    ends, as a board has; without, it starts again then.
    """

    def __init__(
        self,
        folder: Path,
        uid: str = "e66118604b4a2c21",
        heap: str = HEAP,
        *,
        radio: bool = False,
        prompt: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.uid = uid
        self.starts = 0
        self.said: list[str] = []
        """Lines of its console."""
        self.heard: Callable[[bytes], object] = lambda data: None
        """Told of every byte of it."""
        self._folder = folder
        self._heap = heap
        self._flash = folder / "flash.img"
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._on = False
        self._radio = radio
        self._prompt = prompt
        self._console = -1
        made = littlefs.LittleFS(block_size=BLOCK, block_count=BLOCKS, prog_size=256, read_size=256)
        self._flash.write_bytes(bytes(made.context.buffer))
        self.write({file.path: file.content for file in application()})
        self.write({"/id.json": {"board": "virtual"}})
        self.show_world({})

    # -- its flash ----------------------------------------------------------------------------------------

    def _mounted(self) -> littlefs.LittleFS:
        blocks = littlefs.UserContext(BLOCK * BLOCKS)
        blocks.buffer = bytearray(self._flash.read_bytes())
        found = littlefs.LittleFS(
            blocks, block_size=BLOCK, block_count=BLOCKS, prog_size=256, read_size=256, mount=False
        )
        found.mount()
        return found

    def write(self, files: Mapping[str, Any]) -> None:
        """Files by path: bytes, or something for JSON. Only while it is off."""
        assert self._thread is None
        held = self._mounted()
        for path, content in files.items():
            held.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
            with held.open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else json.dumps(content).encode())
        self._flash.write_bytes(bytes(held.context.buffer))

    def read(self, path: str) -> bytes | None:
        """A file as it is in flash now; None when there is none."""
        held = self._mounted()  # files of it do not keep it alive
        try:
            with held.open(path, "rb") as file:
                content: bytes = file.read()
        except (FileNotFoundError, littlefs.LittleFSError):
            return None
        return content

    # -- its surroundings ---------------------------------------------------------------------------------

    def show_world(self, world: Mapping[str, Any]) -> None:
        """What is wired to the pins from now on."""
        # In place, as the interpreter holds the file open; a reading of half of it is thrown away there.
        (self._folder / "world.json").write_text(json.dumps(world))

    @property
    def pins(self) -> dict[str, Any]:
        """What the chip drives."""
        try:
            found: dict[str, Any] = json.loads((self._folder / "pins.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def level(self, pin: int) -> int | None:
        level: int | None = self.pins.get(str(pin), {}).get("level")
        return level

    # -- power and cable ----------------------------------------------------------------------------------

    def start(self, cause: int = 1) -> None:
        """Power on."""
        assert self._thread is None
        self._on = True
        self._thread = threading.Thread(target=self._live, args=(cause,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Power off, at once."""
        self._on = False
        if self._process is not None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def reset(self) -> None:
        """The reset button: power comes back at once."""
        assert self._process is not None
        self._process.kill()

    def type(self, line: str) -> None:
        """A line over the cable."""
        self.send(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Bytes over the cable; what comes while it has no power is lost."""
        if self._console >= 0:
            with contextlib.suppress(OSError):
                os.write(self._console, data)

    def answers(self) -> list[dict[str, Any]]:
        """What it answered over the cable."""
        return [json.loads(line) for line in self.said if line.startswith("{")]

    def _live(self, cause: int) -> None:
        prelude = self._folder / "prelude.py"
        text = PRELUDE.format(
            unix=str(UNIX), radio=self._radio, prompt=self._prompt, flash=str(self._flash), block=BLOCK, blocks=BLOCKS
        )
        prelude.write_text(text)
        names = {"WORLD": "world.json", "PINS": "pins.json", "WATCHDOG": "watchdog"}
        env = {f"SLUIS_{name}": str(self._folder / file) for name, file in names.items()} | {"SLUIS_UID": self.uid}
        command = [micropython(), "-X", f"heapsize={self._heap}", *["-i"] * self._prompt, str(prelude)]
        while self._on and self.starts < STARTS_MAX:
            own_env = env | {"SLUIS_RESET_CAUSE": str(cause)}
            cause = {64: 2, -signal.SIGUSR1: 2, 0: 5}.get(self._run(command, own_env), 1)

    def _run(self, command: list[str], env: dict[str, str]) -> int:
        """From a start to the next; its exit code."""
        ours, theirs = pty.openpty() if self._prompt else socket_pair()
        if self._prompt:
            tty.setraw(theirs)  # the interrupt is for the program to find, as it is on a board that turned its own off
        try:
            with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT, env=env) as started:
                os.close(theirs)
                self._process, self._console = started, ours
                if not self._on:
                    started.kill()
                self.starts += 1
                self._listen(ours)
                return started.wait()
        finally:
            self._console = -1
            os.close(ours)

    def _listen(self, console: int) -> None:
        """Until it ends."""
        held = b""
        with contextlib.suppress(OSError):  # how the end of a pseudo terminal is told
            while data := os.read(console, 4096):
                self.heard(data)
                *lines, held = (held + data).split(b"\n")
                self.said.extend(line.decode(errors="replace").rstrip() for line in lines)
        if held:
            self.said.append(held.decode(errors="replace"))


def socket_pair() -> tuple[int, int]:
    """Two ends of a line without a terminal."""
    one, other = socket.socketpair()
    return one.detach(), other.detach()


@contextlib.contextmanager
def cable(node: Node) -> Iterator[str]:
    """The node's console as a serial port; its name. The port stays while the node starts again."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)  # what nobody reads is lost, as on a real one
    pulled = threading.Event()

    def carry() -> None:
        while not pulled.is_set():
            if select.select([ours], [], [], 0.1)[0]:
                node.send(os.read(ours, 4096))

    def hear(data: bytes) -> None:
        with contextlib.suppress(OSError):  # full, or pulled
            os.write(ours, data)

    node.heard = hear
    carrier = threading.Thread(target=carry, daemon=True)
    carrier.start()
    try:
        yield os.ttyname(theirs)
    finally:
        node.heard = lambda data: None
        pulled.set()
        carrier.join(10)
        os.close(theirs)
        os.close(ours)
