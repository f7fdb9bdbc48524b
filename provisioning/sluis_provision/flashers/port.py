"""A serial port with a board on it: bytes in order, waits with an end, and one error when the board is gone.

pyserial in a thread: it opens device files, pseudo terminals, `rfc2217://` and `socket://` alike. A port is ours alone
while it is open, so that no two programs talk to one board.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType

import serial

from sluis_provision.flashers.problem import NoAnswer, PortUnusable, Unplugged

LOOK_S = 0.1
"""How often the reading thread looks whether it is to end, where a read cannot be interrupted (a serial server)."""
HELD_S = 5.0
"""How long a port may be held by somebody else before we say so: desktop systems look at each new port for a moment,
to see whether it is a modem."""
HELD = 1 << 20
"""Bytes kept of what a board says unasked. A board that floods is cut to its newest."""


def has_lines(port: str) -> bool:
    """Whether the port has the lines (DTR, RTS) that reset a board. A pseudo terminal and a bare socket have none."""
    return not port.startswith("socket://") and not str(Path(port).resolve()).startswith("/dev/pts/")


class Port:
    """An open port. Make it with `open_port`."""

    def __init__(self, name: str, line: serial.SerialBase) -> None:
        self.name = name
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._heard = bytearray()
        self.tail = b""
        """The last 4 KiB that were heard, whatever became of them."""
        self._news = asyncio.Event()
        self._lost = ""
        self._closing = False
        self._thread = threading.Thread(target=self._read, name=f"board {name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """In the thread."""
        while not self._closing:
            try:
                data = self._line.read(1)
                if data:
                    data += self._line.read(self._line.in_waiting)
                    self._tell(data, "")
            except (OSError, TypeError, AttributeError) as error:  # pyserial raises the last two when it is closed
                if not self._closing:
                    self._tell(b"", str(error) or type(error).__name__)
                return

    def _tell(self, data: bytes, lost: str) -> None:
        def take() -> None:
            self._heard += data
            del self._heard[:-HELD]
            self.tail = (self.tail + data)[-4096:]
            self._lost = self._lost or lost
            self._news.set()

        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(take)

    async def write(self, data: bytes) -> None:
        """Unplugged when the board is gone, NoAnswer when it takes nothing for 5 s."""
        if self._lost:
            raise Unplugged(f"the board on {self.name} is gone")
        try:
            await asyncio.to_thread(self._line.write, data)
        except serial.SerialTimeoutException as error:
            raise NoAnswer(f"the board on {self.name} takes nothing") from error
        except (OSError, TypeError, AttributeError) as error:
            raise Unplugged(f"the board on {self.name} is gone") from error

    async def until(self, *ends: bytes, within_s: float) -> bytes:
        """Everything up to and with the first of `ends`. TimeoutError (what was heard stays), or Unplugged."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    found = [at + len(end) for end in ends if (at := self._heard.find(end)) >= 0]
                    if found:
                        return self._take(min(found))
                    await self._wait()
        except TimeoutError:
            raise TimeoutError(f"{self.name}: heard {bytes(self._heard[-200:])!r}") from None

    async def exactly(self, count: int, *, within_s: float) -> bytes:
        """The next bytes. TimeoutError, or Unplugged."""
        async with asyncio.timeout(within_s):
            while len(self._heard) < count:
                await self._wait()
            return self._take(count)

    async def _wait(self) -> None:
        if self._lost:
            raise Unplugged(f"the board on {self.name} is gone")
        self._news.clear()
        await self._news.wait()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._heard[:count])
        del self._heard[:count]
        return taken

    def drop(self) -> bytes:
        """What was heard so far, which is no longer waited for."""
        return self._take(len(self._heard))

    async def settle(self, quiet_s: float, at_most_s: float) -> bytes:
        """Wait until the board has been quiet for so long; what it said."""
        said = bytearray()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while True:
                    said += self.drop()
                    try:
                        async with asyncio.timeout(quiet_s):
                            await self._wait()
                    except TimeoutError:
                        break
        return bytes(said + self.drop())

    async def reset(self) -> bool:
        """Pulse RTS, which resets a board that has the usual circuit. False where the port has no such line."""
        if not has_lines(self.name):
            return False
        try:
            self._line.dtr = False
            self._line.rts = True
            await asyncio.sleep(0.1)
            self._line.rts = False
            await asyncio.sleep(0.05)
            self._line.dtr = True
            self._line.rts = True
        except (OSError, AttributeError):
            return False
        return True

    async def close(self) -> None:
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with contextlib.suppress(OSError, TypeError, AttributeError):
            if hasattr(self._line, "cancel_read"):
                self._line.cancel_read()
        self._thread.join(2.0)
        with contextlib.suppress(OSError, AttributeError):
            self._line.close()

    async def __aenter__(self) -> Port:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.shield(self.close())


async def open_port(name: str, baud: int = 115200) -> Port:
    """PortUnusable when it cannot be opened."""
    try:
        return Port(name, await _had(name, baud))
    except FileNotFoundError as error:
        raise PortUnusable(f"{name} is not there") from error
    except (OSError, ValueError, NotImplementedError) as error:
        raise PortUnusable(f"{name} cannot be opened: {_why(error)}") from error


async def _had(name: str, baud: int) -> serial.SerialBase:
    """The line, as soon as nobody else holds it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + HELD_S
    while True:
        try:
            return await asyncio.to_thread(_open, name, baud)
        except OSError as error:
            if "exclusively lock" not in str(error) or loop.time() > end:
                raise
            await asyncio.sleep(0.1)


def _open(name: str, baud: int) -> serial.SerialBase:
    if name.startswith("/") and not Path(name).exists():
        raise FileNotFoundError(name)
    line = serial.serial_for_url(name, do_not_open=True, baudrate=baud, timeout=LOOK_S)
    line.dtr = line.rts = True  # RP2 speaks only with DTR; with both the reset circuit of an ESP board rests
    if "://" not in name:
        line.exclusive = True
        line.write_timeout = 5.0  # a board that takes nothing; servers on the network know no such thing
    line.open()
    return line


def _why(error: Exception) -> str:
    return "another program uses it" if "exclusively lock" in str(error) else str(error)


@contextlib.asynccontextmanager
async def opened(name: str, baud: int = 115200) -> AsyncIterator[Port]:
    """The port, closed at the end whatever happens."""
    async with await open_port(name, baud) as port:
        yield port
