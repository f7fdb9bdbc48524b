"""The console: questions as lines of JSON, packets of Improv, and the interrupt of a technician's tool.

The type of Improv's commands is 3, which is also Ctrl-C. So the interpreter is told to leave that byte alone, and it
interrupts here wherever it is not part of a packet: whoever wants the prompt gets it, and no browser that looks for
Improv stops a node. A program that holds the loop cannot be interrupted meanwhile; its watchdog ends it.
"""

import asyncio
import json
import select
import sys
import time

try:
    from typing import Any, Awaitable, Callable
except ImportError:  # a node has no typing
    pass

LINE_MAX = 8192
HEADER = b"IMPROV\x01"
INTERRUPT = 3

PAUSE_MS = 1000
"""A packet that pauses longer has lost a byte: what follows is not taken for its rest."""

AT_ONCE = 256
"""Bytes taken without letting others work: a serial chip without handshake keeps no more than some 250."""

JOBS_MAX = 8
LINE, PACKET, DAMAGED, STOP = "line", "packet", "damaged", "stop"


class Splitter:
    """Tells apart what arrives, byte by byte."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._packet = bytearray()

    def take(self, byte: int, paused: bool = False) -> "tuple[str, bytes] | None":
        """What is complete with this byte: a line, the type and data of a packet, a damaged packet, or a stop."""
        packet = self._packet
        if packet and paused:
            self._release()
        if len(packet) < len(HEADER) and byte != HEADER[len(packet)]:
            self._release()
        if packet or byte == HEADER[0]:
            packet.append(byte)
            return self._packed()
        if byte == INTERRUPT:
            return STOP, b""
        return self._written(byte)

    def _release(self) -> None:
        """It was no packet, but text."""
        text = bytes(self._packet[: len(HEADER)])
        self._packet[:] = b""
        for byte in text:
            self._written(byte)

    def _packed(self) -> "tuple[str, bytes] | None":
        packet = self._packet
        if len(packet) < 9 or len(packet) < packet[8] + 10:
            return None
        whole = bytes(packet)
        packet[:] = b""
        if sum(whole[:-1]) & 255 != whole[-1]:
            return DAMAGED, b""
        return PACKET, whole[7:8] + whole[9:-1]

    def _written(self, byte: int) -> "tuple[str, bytes] | None":
        if byte != 10 and byte != 13:
            # What does not begin as an object is nobody's question, however long it gets.
            if (self._line or byte == 123) and len(self._line) < LINE_MAX:
                self._line.append(byte)
            return None
        line = bytes(self._line)
        self._line = bytearray()
        return (LINE, line) if line else None


class Console:
    """Reads and answers; two tasks, so that whoever asks for the prompt is heard while an answer is worked on."""

    def __init__(
        self,
        answer: "Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]",
        improv: "Callable[[int, bytes], Awaitable[None]]",
    ) -> None:
        self._answer = answer
        self._improv = improv
        self._jobs: "list[tuple[str, bytes]]" = []
        self._job = asyncio.Event()
        self._splitter = Splitter()
        self._last_ms = time.ticks_ms()

    async def read(self) -> None:
        """KeyboardInterrupt when somebody asks for the prompt."""
        stdin: "Any" = getattr(sys.stdin, "buffer", sys.stdin)
        console: "Any" = asyncio.StreamReader(stdin)
        more: "Any" = select.poll()
        more.register(stdin, select.POLLIN)
        while True:
            byte = await console.read(1)
            taken = 0
            while byte:
                self._take(byte[0])
                taken += 1
                if taken == AT_ONCE or not more.poll(0):
                    break
                byte = stdin.read(1)
            else:
                return

    def _take(self, byte: int) -> None:
        now_ms = time.ticks_ms()
        found = self._splitter.take(byte, time.ticks_diff(now_ms, self._last_ms) > PAUSE_MS)
        self._last_ms = now_ms
        if found is None:
            return
        if found[0] == STOP:
            raise KeyboardInterrupt
        if len(self._jobs) < JOBS_MAX:
            self._jobs.append(found)
            self._job.set()

    async def work(self) -> None:
        """Answer each line that is a JSON object, hand packets on (type 0: damaged), pass over everything else."""
        while True:
            await self._job.wait()
            self._job.clear()
            while self._jobs:
                kind, data = self._jobs.pop(0)
                if kind == LINE:
                    await self._asked(data)
                else:
                    await self._improv(data[0] if data else 0, data[1:])

    async def _asked(self, line: bytes) -> None:
        try:
            question = json.loads(line.decode())
        except (ValueError, UnicodeError):
            return
        if isinstance(question, dict):
            print(json.dumps(await self._answer(question)))
