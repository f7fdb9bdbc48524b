"""Commands and polls through a driver host, the gateway's side: the host's wishes, carried out on the real link."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from sluis.hosted import messages as m
from sluis.hosted.fallen import Fallen
from sluis.model import Command, Frame
from sluis.sdk.driver import Link

STEP_S = 2.0
"""Longest silence of a host between two steps of a command. Only that command waits for it, so it may be far longer
than the deadline of a call; larger than a command's own deadline (5 s) and nobody would ever see it."""

STEPS_MAX = 1000
"""Wishes of one command or poll. Far more than any device needs; a driver that sends in a loop for ever ends here."""


class Acts:
    """The act channel. `open` it, and let `listen` run."""

    def __init__(self, channel: socket.socket, source: str) -> None:
        self._channel = channel
        self._source = source
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._jobs: dict[int, asyncio.Queue[m.Send | m.Ask | m.Done]] = {}
        self._last_job = 0

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(sock=self._channel)

    async def listen(self) -> None:
        """Hand out what the host says. Returns at the channel's end, or when it says nonsense."""
        reader = self._reader
        assert reader is not None  # opened when the host was loaded
        try:
            while True:
                length = m.length_of(await reader.readexactly(m.HEAD))
                step = m.steps.decode(await reader.readexactly(length))
                queue = self._jobs.get(step.job)
                if queue is not None:
                    queue.put_nowait(step)
        except (asyncio.IncompleteReadError, OSError, ValueError, msgspec.DecodeError):
            return

    async def perform(self, number: int, link: Link, command: Command) -> None:
        """Let instance `number` perform a command. Raises what the driver raises; Fallen when the host is stuck."""
        job = self._next_job()
        await self._carry(job, m.Perform(job, number, command), link)

    async def poll(self, number: int, link: Link) -> None:
        """Let instance `number` ask its device. Raises as `perform`."""
        job = self._next_job()
        await self._carry(job, m.Poll(job, number), link)

    def _next_job(self) -> int:
        self._last_job += 1
        return self._last_job

    async def _carry(self, job: int, order: m.Message, link: Link) -> None:
        queue = self._jobs[job] = asyncio.Queue()
        over = False
        try:
            for _ in range(STEPS_MAX):
                self._say(order)
                step = await self._next(queue)
                if isinstance(step, m.Done):
                    over = True
                    if step.failure is not None:
                        raise m.error_of(step.failure)
                    return
                order = await _carried_out(link, step)
            raise Fallen(f"{self._source} does not come to an end of a command or a poll")
        finally:
            del self._jobs[job]
            if not over and self._writer is not None and not self._writer.is_closing():
                self._say(m.Cancel(job))

    async def _next(self, queue: asyncio.Queue[m.Send | m.Ask | m.Done]) -> m.Send | m.Ask | m.Done:
        try:
            async with asyncio.timeout(STEP_S):
                return await queue.get()
        except TimeoutError:
            raise Fallen(f"{self._source} was silent for {STEP_S:.0f} s in the middle of a command or a poll") from None

    def _say(self, message: m.Message) -> None:
        if self._writer is None or self._writer.is_closing():
            raise Fallen(f"{self._source} is gone")
        self._writer.write(m.framed(m.encode(message)))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        else:
            self._channel.close()


async def _carried_out(link: Link, wish: m.Send | m.Ask) -> m.Result:
    """Do on the link what the driver asks, and tell how it went."""
    frame: Frame | None = None
    try:
        if isinstance(wish, m.Send):
            await link.send(wish.data, to=wish.to, retain=wish.retain)
        else:
            frame = await link.request(wish.data, to=wish.to, reply=wish.reply, timeout_s=wish.timeout_s)
    except Exception as error:  # the driver may know what to do about it; if not, it comes back as the command's end
        return m.Result(wish.job, None, m.failure_of(error))
    return m.Result(wish.job, frame)
