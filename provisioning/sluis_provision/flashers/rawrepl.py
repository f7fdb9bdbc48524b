"""MicroPython's raw REPL and raw paste mode: running a program on a board and getting what it prints.

Protocol: MicroPython documentation, "The MicroPython Interactive Interpreter Mode", sections on raw mode and raw-paste
mode. Ctrl-A enters, Ctrl-B leaves, Ctrl-C interrupts, Ctrl-D runs; `05 41 01` asks for raw paste, which is answered by
`52 01` and the window (2 bytes, little endian), after which `01` gives another window and `04` ends the transfer.

A board whose program will not be interrupted is asked in ever stronger ways (`enter`); each has its own end, so that
no board can hold us for ever.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from sluis_provision.flashers.port import Port
from sluis_provision.flashers.problem import BoardFull, BoardRefused, NoRepl

PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
ANSWER_S = 3.0
"""How long a board that is ours may take for the prompt. The slowest that was measured takes 1.7 s to give up an
asyncio loop; shorter would climb the ladder without need, longer makes each rung dearer."""
RUN_S = 20.0
"""For a program on the board that says nothing: the longest of ours hashes a 1 MB file on an RP2040 (3 s)."""
PIECE = 256
"""Bytes at a time to a board without raw paste, whose input buffer is that small."""


class RawRepl:
    """The raw REPL of the board on an open port. `answer_s`: what a board may take for each short answer."""

    def __init__(self, port: Port, answer_s: float = ANSWER_S) -> None:
        self._port = port
        self._answer_s = answer_s

    async def enter(self, hold_s: float = 8.0) -> None:
        """Get the prompt: by interrupting, by insisting, by resetting and holding it. NoRepl when all fail."""
        for rung in (self._ask, self._insist, self._hold):
            if await rung(hold_s):
                return
        heard = self._port.drop()[-80:]
        tail = f"; last heard: {heard!r}" if heard else "; it says nothing"
        raise NoRepl(f"the board on {self._port.name} does not stop for us{tail}")

    async def _ask(self, _hold_s: float) -> bool:
        """Rung 1: interrupt whatever runs, twice, and ask."""
        await self._port.write(b"\r\x03\x03")
        await self._port.settle(0.1, 1.0)
        return await self._prompt(self._answer_s)

    async def _insist(self, hold_s: float) -> bool:
        """Rung 2: interrupts close behind each other, for a program that catches some of them."""
        return await self._flood(hold_s / 2)

    async def _hold(self, hold_s: float) -> bool:
        """Rung 3: reset, and interrupt from the first moment on, so that boot.py and main.py do not get going."""
        if not await self._port.reset():
            await self._port.write(b"\x02\x03\x04")  # no reset line: a soft reset, if anybody listens
        return await self._flood(hold_s)

    async def _flood(self, for_s: float) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + for_s
        while loop.time() < end:
            await self._port.write(b"\x03\x03\r\x01")
            try:
                await self._port.until(PROMPT, within_s=0.05)
            except TimeoutError:
                continue
            return await self._prompt(self._answer_s)
        return False

    async def _prompt(self, within_s: float) -> bool:
        """Ask for the raw prompt, and see that nothing of before is still on its way."""
        self._port.drop()
        await self._port.write(b"\r\x01")
        try:
            await self._port.until(PROMPT, within_s=within_s)
        except TimeoutError:
            return False
        await self._port.settle(0.05, 1.0)
        return True

    async def leave(self) -> None:
        """Back to the friendly prompt."""
        await self._port.write(b"\r\x02")

    async def restart(self) -> None:
        """Soft reset: boot.py and main.py run anew."""
        self._port.drop()
        await self._port.write(b"\r\x02")
        with suppress(TimeoutError):  # a board that does not say it may still listen
            await self._port.until(b">>> ", within_s=self._answer_s)
        await self._port.write(b"\x04")

    async def run(self, source: str, within_s: float = RUN_S) -> str:
        """What the program printed. BoardRefused with its last line when it raised, NoRepl when the board left us."""
        try:
            await self._send(source.encode())
            out = (await self._port.until(b"\x04", within_s=within_s))[:-1]
            problem = (await self._port.until(b"\x04", within_s=within_s))[:-1]
            await self._port.until(b">", within_s=self._answer_s)
        except TimeoutError as error:
            raise NoRepl(f"the board stopped answering ({error})") from error
        if problem:
            raise _refusal(problem.decode(errors="replace"))
        return out.decode(errors="replace")

    async def _send(self, source: bytes) -> None:
        await self._port.write(b"\x05A\x01")
        answer = await self._port.exactly(2, within_s=self._answer_s)
        if answer == b"R\x01":
            await self._paste(source)
        else:
            await self._plain(source, answer)

    async def _paste(self, source: bytes) -> None:
        window = room = struct.unpack("<H", await self._port.exactly(2, within_s=self._answer_s))[0]
        sent = 0
        while sent < len(source):
            if room == 0:
                said = await self._port.exactly(1, within_s=self._answer_s)
                if said == b"\x01":
                    room += window
                    continue
                if said == b"\x04":
                    await self._port.write(b"\x04")
                    raise BoardRefused("the board broke off the transfer: its memory is full")
                raise NoRepl(f"the board answers {said!r} in the middle of a transfer")
            piece = source[sent : sent + room]
            await self._port.write(piece)
            sent += len(piece)
            room -= len(piece)
        await self._port.write(b"\x04")
        await self._port.until(b"\x04", within_s=self._answer_s)

    async def _plain(self, source: bytes, answer: bytes) -> None:
        """For firmware older than raw paste (1.14): pieces that its buffer holds."""
        if answer != b"R\x00":
            await self._port.until(
                b">", within_s=self._answer_s
            )  # it took the request for text and gave its prompt again
        for at in range(0, len(source), PIECE):
            await self._port.write(source[at : at + PIECE])
            await asyncio.sleep(0.01)
        await self._port.write(b"\x04")
        await self._port.until(b"OK", within_s=self._answer_s)


def _refusal(problem: str) -> BoardRefused | BoardFull:
    """The error of a program of ours, from the last line of its traceback."""
    last = problem.strip().splitlines()[-1].strip() if problem.strip() else "no reason"
    if "ENOSPC" in last or "Errno 28" in last or last == "OSError: 28":
        return BoardFull("the board's file system is full")
    return BoardRefused(f"the board answered: {last}")
