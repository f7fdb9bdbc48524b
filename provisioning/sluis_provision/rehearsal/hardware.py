"""What every virtual board has: flash in a file, what is wired to its pins, power, and a cable."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

BLOCK, BLOCKS = 4096, 256
BREATH_S = 0.5
"""Between an end and the next start, so that a program that ends at once does not cost a processor."""
PR_SET_PDEATHSIG = 1


def micropython() -> str | None:
    """The interpreter: `$MICROPYTHON`, the one beside this Python, or the shell's. None where there is none."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))


def version_of(interpreter: str) -> str:
    """`1.29.0`."""
    ask = "import sys; print('.'.join(str(n) for n in sys.implementation[1][:3]))"
    command = [interpreter, "-c", ask]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603  a person's own
    return done.stdout.strip()


class Hardware:
    """One board, from its folder. What is in its flash stays from run to run. Who builds on it says how it runs."""

    def __init__(self, interpreter: str, folder: Path, uid: str) -> None:
        self.uid = uid
        self.cable = folder / "cable"
        self._folder = folder
        self.interpreter = interpreter
        self._process: asyncio.subprocess.Process | None = None
        self._powered = asyncio.Event()
        self._world = ""

    def _typed(self, cable: int) -> None:
        """Somebody wrote to its cable."""
        raise NotImplementedError

    def _environment(self, cause: int) -> dict[str, str]:
        """What the interpreter is told of the chip and of what is around it (`firmware/ports/unix/machine.py`)."""
        env = {"SLUIS_WORLD": str(self._folder / "world.json"), "SLUIS_PINS": str(self._folder / "pins.json")}
        return env | {"SLUIS_UID": self.uid, "SLUIS_RESET_CAUSE": str(cause)}

    @property
    def exists(self) -> bool:
        """Whether it has been flashed before."""
        return (self._folder / "flash.img").exists()

    def erase(self) -> None:
        """A fresh flash with nothing."""
        self._hold(b"\xff" * (BLOCK * BLOCKS))

    def flash(self, files: Mapping[str, bytes]) -> None:
        """A fresh flash with these files, by path."""
        from littlefs import LittleFS

        made = LittleFS(block_size=BLOCK, block_count=BLOCKS, prog_size=256, read_size=256)
        for path, content in files.items():
            made.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
            with made.open(path, "wb") as file:
                file.write(content)
        self._hold(bytes(made.context.buffer))

    def _hold(self, flash: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        image = self._folder / "flash.img"
        beside = image.with_suffix(".new")
        beside.touch(0o600)  # it will hold a key
        beside.write_bytes(flash)
        beside.replace(image)

    # -- its surroundings ---------------------------------------------------------------------------------

    def wire(self, world: Mapping[str, Any]) -> None:
        """What is wired to its pins from now on."""
        text = json.dumps(world)
        if text != self._world:
            self._folder.mkdir(parents=True, exist_ok=True)
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

    @contextlib.contextmanager
    def _hand(self, press: Callable[[bool], object]) -> Iterator[None]:
        """A pipe beside its cable, `cable.buttons`: `press(load)` for each word that is written into it."""
        buttons = self.cable.with_name(f"{self.cable.name}.buttons")
        buttons.unlink(missing_ok=True)
        os.mkfifo(buttons, 0o600)
        pipe = os.open(buttons, os.O_RDWR | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()

        def pressed() -> None:
            for word in os.read(pipe, 4096).split():
                press(word == b"load")

        loop.add_reader(pipe, pressed)
        try:
            yield
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)
            buttons.unlink(missing_ok=True)


def ends_with_us() -> Callable[[], None]:
    """For a child: the kernel ends it when this process is gone, however that went."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
