"""One life of a driver host's process: started, loaded, asked, ended. What comes after its end is `Host`'s business."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TypeVar

import msgspec

from sluis.hosted import messages as m
from sluis.hosted.acts import Acts
from sluis.hosted.fallen import Fallen
from sluis.model import DriverError
from sluis.sdk.driver import ORDINARY, Limits

log = logging.getLogger(__name__)

LOAD_CAP_S = 60.0
"""Longest start with import of the driver, whatever it says that it needs (`Limits.load_s`, ordinarily 10 s). It delays
nobody but the driver itself (and, once, the gateway's own start). Smaller and a large library on a Pi Zero's card is
taken for a hang; larger and a file that hangs is reported late."""

MEMORY_CAP_MB = 1024
"""Largest address space, whatever a driver says that it needs (`Limits.memory_mb`, ordinarily 256 MB: an empty host
takes some 40 MB, and a third of that in memory). Smaller and a driver that leans on a numerical library does not load;
larger and one that eats memory presses on the gateway of a 1 GB Pi."""

DEADLINE_S = 0.25
"""Longest answer to one call, and so the longest that a driver can hold the gateway's event loop. An honest driver
needs well under a millisecond. Smaller and a busy Pi (or the host's pages coming back from the card) is taken for a
hang; larger and a person sees the panel stop."""

SPEECH_MAX = 16_384
"""Bytes of a driver's stdout and stderr taken into the log in one life of its host; after that nobody reads, and what
it prints is lost. A traceback of a crashed interpreter fits four times."""

Answer = TypeVar("Answer", bound=m.Message)


class Life:
    """The process and its channels. Made on the event loop; `over` is set when it is of no more use."""

    def __init__(self, source: str, limits: Limits = ORDINARY) -> None:
        self.began = time.monotonic()
        self.over = asyncio.Event()
        self.unused: list[int] = []
        """Numbers of instances whose proxies are gone."""
        self.source = source
        self._load_s = min(limits.load_s, LOAD_CAP_S)
        self._instances = 0
        self._heard = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        ours, calls = socket.socketpair()
        performing, acts = socket.socketpair()
        self._speech, speech = os.pipe()
        self._calls = m.Wire(ours)
        self.acts = Acts(performing, source)
        try:
            self.process = _start(calls.fileno(), acts.fileno(), speech, min(limits.memory_mb, MEMORY_CAP_MB))
        except OSError:
            ours.close()
            performing.close()
            os.close(self._speech)
            raise
        finally:
            calls.close()
            acts.close()
            os.close(speech)
        os.set_blocking(self._speech, False)
        self._loop.add_reader(self._speech, self._hear)

    # -- calls --------------------------------------------------------------------------------------------

    async def load(self, what: m.Load) -> tuple[m.Family, ...]:
        """Let it load its drivers. What the driver raises is raised here; Fallen when the host does not survive it."""
        channel = self._calls.channel
        channel.setblocking(False)
        try:
            async with asyncio.timeout(self._load_s):
                await self._loop.sock_sendall(channel, m.framed(m.encode(what)))
                held = b""
                while len(held) < m.HEAD or len(held) < m.HEAD + m.length_of(held):
                    more = await self._loop.sock_recv(channel, 65_536)
                    if not more:
                        raise Fallen(f"{self.source} ended while it was loaded")
                    held += more
        except TimeoutError:
            raise Fallen(f"{self.source} was not loaded within {self._load_s:.0f} s") from None
        except (OSError, ValueError) as error:
            raise Fallen(f"{self.source} could not be loaded: {error}") from error
        loaded = self._typed(held[m.HEAD :], m.Loaded)
        if loaded.contract != m.CONTRACT:
            raise DriverError(
                f"the driver host of {self.source} speaks contract {loaded.contract}, this gateway {m.CONTRACT}",
                hint="Sluis was updated while it runs: restart the gateway.",
            )
        await self.acts.open()
        return loaded.families

    def call(self, request: m.Message, expected: type[Answer]) -> Answer:
        """Ask, and wait for the answer, on the event loop: at most `DEADLINE_S`. Raises what the driver raises."""
        try:
            began = time.monotonic()
            self._calls.channel.settimeout(DEADLINE_S)
            self._calls.send(m.encode(request))
            message = self._calls.receive(DEADLINE_S - (time.monotonic() - began))
        except TimeoutError:
            raise Fallen(f"{self.source} did not answer within {DEADLINE_S * 1e3:.0f} ms") from None
        except (EOFError, OSError, ValueError) as error:
            raise Fallen(f"{self.source} is gone: {error}") from error
        return self._typed(message, expected)

    def _typed(self, message: bytes, expected: type[Answer]) -> Answer:
        try:
            answer = m.answers.decode(message)
        except msgspec.DecodeError as error:
            raise Fallen(f"{self.source} answers with nonsense: {error}") from error
        if isinstance(answer, expected):
            return answer
        if isinstance(answer, m.Failure):
            raised = m.error_of(answer)
            if answer.identity is not None:
                raised.__dict__["identity"] = answer.identity
            raise raised
        raise Fallen(f"{self.source} answers another question")

    def next_instance(self) -> int:
        self._instances += 1
        return self._instances

    # -- what it says by itself, and its end ---------------------------------------------------------------

    def _hear(self) -> None:
        """Something on stdout or stderr."""
        try:
            said = os.read(self._speech, 4096)
        except BlockingIOError:
            return
        self._heard += len(said)
        for line in said.decode("utf-8", "replace").splitlines():
            log.info("driver %s says: %s", self.source, line[:500])
        if not said or self._heard > SPEECH_MAX:
            self._loop.remove_reader(self._speech)

    def kill(self) -> None:
        """End it now, with all processes of its group. Harmless when it has ended."""
        if self.process.returncode is None:  # not reaped: the number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.over.set()

    def close(self) -> None:
        """End it and let go of everything; its last words are still heard. Harmless when done before."""
        if self._closed:
            return
        self._closed = True
        self.kill()
        self.process.wait()
        if self._heard <= SPEECH_MAX:
            self._hear()
        self._loop.remove_reader(self._speech)
        os.close(self._speech)
        self._calls.channel.close()
        self.acts.close()


def _start(calls: int, acts: int, speech: int, memory_mb: int) -> subprocess.Popen[bytes]:
    """The process: no descriptor but these, no environment but where modules are found."""
    told = (calls, acts, os.getpid(), memory_mb * 2**20)
    command = [sys.executable, "-P", "-s", "-B", "-m", "sluis.hosted", *map(str, told)]
    path = os.pathsep.join(folder for folder in sys.path if folder)
    return subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=speech,
        stderr=speech,
        pass_fds=(calls, acts),
        env={"PYTHONPATH": path, "LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )
