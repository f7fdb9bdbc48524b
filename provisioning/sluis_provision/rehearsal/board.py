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
import fcntl
import os
import pty
import signal
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from sluis.shared import shared_dir
from sluis_provision.rehearsal.hardware import BLOCK, BLOCKS, BREATH_S, Hardware, ends_with_us
from sluis_provision.rehearsal.prelude import MOUNTED, PRELUDE

HEAP = "352K"
"""An RP2040 has some 180 kB for Python; words and blocks of this port are twice as wide. With less, a release with all
of our firmware does not fit in memory while it is checked."""
HARD, SOFT, LOADER = 2, 5, 6
RESETS = {-signal.SIGUSR1: HARD, -signal.SIGUSR2: SOFT, 0: SOFT, -signal.SIGINT: SOFT, -signal.SIGVTALRM: LOADER}
"""How the interpreter ended, as the cause that it then finds. Else: power. An interrupt ends it only where one comes
while it is leaving already."""
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


class VirtualBoard(Hardware):
    """A board with MicroPython's prompt."""

    def __init__(self, interpreter: str, folder: Path, uid: str, *, radio: bool = False) -> None:
        super().__init__(interpreter, folder, uid)
        self._radio = radio
        self.starts = 0
        """How often it has come up."""
        self._ready = asyncio.Event()
        self._leaves = asyncio.Event()
        """Set when this life of it is over: it has no power, or was reset from outside."""
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

    async def ready(self) -> None:
        """Until its flash is mounted: from then on it hears what is typed."""
        await self._ready.wait()

    def cut_at(self, operation: int) -> None:
        """At its next start it loses power in the middle of this program or erase of its flash, counted from 0, and
        stays without until it is plugged in again."""
        self._cut = operation

    async def run(self) -> None:
        """Until cancelled: it starts when it has power, and again when it resets."""
        if not self.exists:
            await asyncio.to_thread(self.erase)
        cause = 1
        with self._cable() as cable:
            self._line = cable
            while True:
                await self._powered.wait()
                cause = await self._life(cause)
                await asyncio.sleep(self._breath_s(cause))

    def _breath_s(self, cause: int) -> float:
        return 0 if cause == SOFT else BREATH_S

    async def _ended(self) -> None:
        """End the interpreter when its life is over, also where it is just being started."""
        await self._leaves.wait()
        while True:
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    self._process.kill()
            await asyncio.sleep(0.01)

    async def _life(self, cause: int) -> int:
        """From a start to the next; the cause of that one."""
        raw, self._raw = self._raw and cause == SOFT, False
        programs = ("/boot.py",) if raw else ("/boot.py", "/main.py")
        (self._folder / "prelude.py").write_text(self._prelude(programs))
        cut, self._cut = self._cut is not None, None
        console, theirs = terminal()
        try:
            self._process = started = await asyncio.create_subprocess_exec(
                self.interpreter,
                *("-X", f"heapsize={HEAP}", "-i", str(self._folder / "prelude.py")),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=self._environment(cause),
                start_new_session=True,  # Ctrl-C at our own terminal is not for it
                preexec_fn=at_its_terminal(),
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
        if code in (0, -signal.SIGINT):
            self._say(b"MPY: soft reboot\r\n")
        return RESETS.get(code, 1)

    def _file_system(self) -> tuple[int, int]:
        """Where in its flash its files are: the first byte, and the number of blocks."""
        return 0, BLOCKS

    def _chip(self) -> str:
        """What its interpreter knows besides, as a program for the prelude."""
        return ""

    def _prelude(self, programs: tuple[str, ...]) -> str:
        start, blocks = self._file_system()
        return PRELUDE.format(
            unix=str(shared_dir("firmware") / "ports" / "unix"),
            radio=self._radio,
            flash=str(self._folder / "flash.img"),
            start=start,
            block=BLOCK,
            blocks=blocks,
            cut=self._cut,
            chip=self._chip(),
            mounted=MOUNTED.decode(),
            programs=programs,
        )

    def _environment(self, cause: int) -> dict[str, str]:
        world = self._folder / "world.json"
        if not world.exists():
            world.write_text("{}")
        return super()._environment(cause)

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

    def _typed(self, cable: int) -> None:
        with contextlib.suppress(OSError):
            self._take(os.read(cable, 4096))

    def _take(self, typed: bytes) -> None:
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


def at_its_terminal() -> Callable[[], None]:
    """For a child that ends with us: its terminal is its own."""
    ends = ends_with_us()

    def ask() -> None:
        ends()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return ask
