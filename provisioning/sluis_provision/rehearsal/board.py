"""A virtual board: the real MicroPython (its unix port), with real littlefs as its flash.

What is wired to it is a file that the interpreter reads (`firmware/ports/unix/machine.py`), what it drives another.
Its cable is a pseudo terminal: `sluis enrol --port`, mpremote and a terminal program find it there. It starts with
`boot.py` and `main.py`, as a board does, and then has MicroPython's own prompt: friendly, raw and raw paste; Ctrl-D is
a soft reset, which leaves out `main.py` for whoever is in the raw prompt; `machine.reset()` is a hard one.

Nothing that is typed reaches the interpreter before its flash is mounted as `/`, so a board writes to its image and not
to this machine's files. That is for order, not for safety: what runs on it is a program of whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import logging
import os
import pty
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sluis.shared import shared_dir

log = logging.getLogger(__name__)

BLOCK, BLOCKS = 4096, 256
HEAP = "352K"
"""An RP2040 has some 180 kB for Python; words and blocks of this port are twice as wide. With less, a release with all
of our firmware does not fit in memory while it is checked."""
HARD, SOFT = 2, 5
RESETS = {-signal.SIGUSR1: HARD, -signal.SIGUSR2: SOFT, 0: SOFT}
"""How the interpreter ended, as the cause that it then finds. Else: power."""
HELD_MOST = 65_536
"""Bytes that are kept of what is typed while a board starts, or does not read."""
GETS_GOING_S = 0.5
"""After this a program runs that may listen, where no prompt has come. What is typed before the prompt is there would
be lost: the interpreter empties the terminal when it takes it over."""
INTERRUPTED_S = 0.3
"""The same after an interrupt, which a program may also swallow."""
FULL_S = 0.005
"""Until more is handed to an interpreter that does not read."""
AT_PROMPT_S = 0.05
"""After the prompt, until the interpreter waits at it."""
PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n"
BREATH_S = 0.5
"""Between an end and the next start, so that a program that ends at once does not cost a processor."""
PR_SET_PDEATHSIG = 1

MOUNTED = b"\x1e\x1eflash\x1e\x1e"
"""What the prelude says when the flash is mounted; nobody outside sees it."""

PRELUDE = """\
import sys, os, vfs
sys.path[:] = ['', '.frozen', {unix!r}]
import machine
class Flash:
    def __init__(self):
        self.file = open({flash!r}, 'r+b')
        self.left = {cut!r}
    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * {block} + offset)
        self.file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0):
        self.spend(block * {block} + offset, buffer)
        self.file.seek(block * {block} + offset)
        self.file.write(buffer)
        self.file.flush()
    def spend(self, at, buffer):
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:  # half of it is written, then there is no power
            self.file.seek(at)
            self.file.write(buffer[:len(buffer) // 2])
            self.file.flush()
            os.system('kill -KILL $PPID')
    def ioctl(self, op, argument):
        if op == 6:
            self.writeblocks(argument, b'\\xff' * {block})
            return 0
        return {{4: {blocks}, 5: {block}}}.get(op)
flash = Flash()
class Chip:  # the module rp2, as far as it is about the flash
    Flash = staticmethod(lambda: flash)
sys.modules['rp2'] = Chip
vfs.umount('/')
vfs.mount(vfs.VfsLfs2(flash, progsize=256, readsize=256), '/')
os.chdir('/')
sys.path[:] = ['', '.frozen', '/lib']
def reset():
    os.system('kill -USR1 $PPID')  # leaving by itself would end at the prompt
machine.reset = reset
machine.soft_reset = lambda: os.system('kill -USR2 $PPID')
import micropython as its_own
class Micropython:
    @staticmethod
    def kbd_intr(char):
        import termios
        flags = termios.tcgetattr(0)
        flags[3] = flags[3] | 1 if char >= 0 else flags[3] & ~1
        termios.tcsetattr(0, termios.TCSANOW, flags)
    def __getattr__(self, name):
        return getattr(its_own, name)
sys.modules['micropython'] = Micropython()
sys.stdout.write({mounted!r})
def run(name):
    try:
        with open(name) as file:
            program = compile(file.read(), name, 'exec')
        exec(program, {{'__name__': '__main__'}})
    except OSError as error:
        if error.errno != 2:
            sys.print_exception(error)
    except SystemExit:
        machine.soft_reset()
    except BaseException as error:
        sys.print_exception(error)
for name in {programs!r}:
    run(name)
del name, run, reset
"""


def micropython() -> str | None:
    """The interpreter: `$MICROPYTHON`, the one beside this Python, or the shell's. None where there is none."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))


class VirtualBoard:
    """One board, from its folder. What is in its flash stays from run to run."""

    def __init__(self, interpreter: str, folder: Path, uid: str) -> None:
        self.uid = uid
        self.starts = 0
        """How often it has come up."""
        self.cable = folder / "cable"
        self._folder = folder
        self._interpreter = interpreter
        self._process: asyncio.subprocess.Process | None = None
        self._powered, self._ready = asyncio.Event(), asyncio.Event()
        self._world = ""
        self._cut: int | None = None
        self._line = self._console = self._talking = -1
        self._timer: asyncio.TimerHandle | None = None
        self._hears = self._raw = False
        """`_raw`: whoever is at the cable asked for the raw prompt last."""
        self._held = b""

    @property
    def powered(self) -> bool:
        return self._powered.is_set()

    @property
    def running(self) -> bool:
        return self._process is not None

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

    async def ready(self) -> None:
        """Until its flash is mounted: from then on it hears what is typed."""
        await self._ready.wait()

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

    def cut_at(self, operation: int) -> None:
        """At its next start it loses power in the middle of this program or erase of its flash, counted from 0, and
        stays without until it is plugged in again."""
        self._cut = operation

    async def run(self) -> None:
        """Until cancelled: it starts when it has power, and again when it resets."""
        self._folder.mkdir(parents=True, exist_ok=True)
        cause = 1
        with self._cable() as cable:
            self._line = cable
            while True:
                await self._powered.wait()
                cause = await self._life(cause)
                await asyncio.sleep(BREATH_S if cause != SOFT else 0)

    async def _life(self, cause: int) -> int:
        """From a start to the next; the cause of that one."""
        raw, self._raw = self._raw and cause == SOFT, False
        programs = ("/boot.py",) if raw else ("/boot.py", "/main.py")
        (self._folder / "prelude.py").write_text(self._prelude(programs))
        cut, self._cut = self._cut is not None, None
        console, theirs = terminal()
        try:
            self._process = started = await asyncio.create_subprocess_exec(
                self._interpreter,
                *("-X", f"heapsize={HEAP}", "-i", str(self._folder / "prelude.py")),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=self._environment(cause),
                start_new_session=True,  # Ctrl-C at our own terminal is not for it
                preexec_fn=ends_with_us(),
            )
        finally:
            os.close(theirs)
        try:
            await self._talk(console, raw)
            code = await started.wait()
        finally:
            self._process, self._console, self._hears = None, -1, False
            self._ready.clear()
            os.close(console)
            if started.returncode is None:
                started.kill()
                await started.wait()
        if cut and code == -signal.SIGKILL:
            self._powered.clear()
        if code == 0:
            self._say(b"MPY: soft reboot\r\n")
        return RESETS.get(code, 1)

    def _prelude(self, programs: tuple[str, ...]) -> str:
        return PRELUDE.format(
            unix=str(shared_dir("firmware") / "ports" / "unix"),
            flash=str(self._folder / "flash.img"),
            block=BLOCK,
            blocks=BLOCKS,
            cut=self._cut,
            mounted=MOUNTED.decode(),
            programs=programs,
        )

    def _environment(self, cause: int) -> dict[str, str]:
        env = {"SLUIS_WORLD": str(self._folder / "world.json"), "SLUIS_PINS": str(self._folder / "pins.json")}
        world = self._folder / "world.json"
        if not world.exists():
            world.write_text("{}")
        return env | {"SLUIS_UID": self.uid, "SLUIS_RESET_CAUSE": str(cause)}

    # -- its cable ----------------------------------------------------------------------------------------

    async def _talk(self, console: int, raw: bool) -> None:
        """What it says goes to the cable, from when its flash is mounted, until it ends. In the raw prompt it shows no
        friendly one first."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        hidden, awaited = bytearray(), [MOUNTED, PROMPT, RAW_PROMPT] if raw else [MOUNTED]

        def heard() -> None:
            try:
                said = os.read(console, 4096)
            except OSError:  # how the end of a pseudo terminal is told
                said = b""
            if not said:
                loop.remove_reader(console)
                ended.set()
                return
            if not awaited:
                self._say(said)
                if not self._hears and PROMPT in said:
                    self._later(AT_PROMPT_S)
                return
            hidden.extend(said)
            while awaited and (at := hidden.find(awaited[0])) >= 0:
                found = awaited.pop(0)
                del hidden[: at + (0 if found is RAW_PROMPT else len(found))]
                if found is PROMPT:
                    os.write(console, b"\x01")
                elif found is RAW_PROMPT:
                    self._open(console)
                    self._raw = True
            if not awaited:
                self._say(bytes(hidden))
                if not raw and PROMPT in hidden:
                    self._open(console)
                elif not raw:
                    self._later(GETS_GOING_S)

        self._talking = console
        loop.add_reader(console, heard)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(console)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _open(self, console: int) -> None:
        """It is up: from now on it hears what is typed."""
        if self._console < 0:
            self._console = console
            self.starts += 1
            self._ready.set()
        self._hears = True
        held, self._held = self._held, b""
        if held:
            self._type(held)

    def _type(self, data: bytes) -> None:
        """An interrupt makes it take over the terminal, and empty it: what follows waits for the prompt."""
        now, rest = data, b""
        if b"\x03" in data and not self._raw:
            at = data.index(b"\x03") + 1
            now, rest = data[:at], data[at:]
        try:
            taken = os.write(self._console, now)
        except BlockingIOError:  # it does not read as fast as somebody types
            taken = 0
        except OSError:
            return
        for byte in now[:taken]:
            self._raw = byte == 1 or (self._raw and byte != 2)
        if taken < len(data):
            self._hears, self._held = False, now[taken:] + rest
            self._later(INTERRUPTED_S if taken == len(now) else FULL_S)

    def _later(self, after_s: float) -> None:
        """Open by then, also when no prompt comes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(after_s, self._open, self._talking)

    def _say(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads at the other end
            os.write(self._line, data)

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

    def _typed(self, cable: int) -> None:
        with contextlib.suppress(OSError):
            typed = os.read(cable, 4096)
            if self._hears:
                self._type(typed)
            elif self._process is not None:
                self._held = (self._held + typed)[:HELD_MOST]


def terminal() -> tuple[int, int]:
    """A pseudo terminal between us and the interpreter: bytes as they are; Ctrl-C interrupts the program that runs."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    flags = termios.tcgetattr(theirs)
    flags[3] |= termios.ISIG
    for name in (termios.VQUIT, termios.VSUSP):
        flags[6][name] = b"\0"
    flags[6][termios.VINTR] = b"\x03"
    termios.tcsetattr(theirs, termios.TCSANOW, flags)
    os.set_blocking(ours, False)
    return ours, theirs


def ends_with_us() -> Callable[[], None]:
    """For a child: the kernel ends it when this process is gone, however that went, and its terminal is its own."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return ask
