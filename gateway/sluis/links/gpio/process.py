"""The keeper's process as the gateway holds it: started with a plan, spoken to by lines, ended in order or by force."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

from sluis.links.gpio.keeper import BEAT_S
from sluis.model import LinkError

log = logging.getLogger(__name__)

START_S = 20.0
"""Longest start of the keeper. It imports a library and asks a chip; a Pi Zero under load takes some seconds."""

STOP_S = 3.0
"""Longest orderly end of the keeper. Outputs are safe within milliseconds; the rest is a file on a slow card."""


class KeeperProcess:
    """One life of it. Whoever starts it ends it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._spoken = asyncio.ensure_future(_last_words(process))
        self.pid = process.pid

    @classmethod
    async def start(cls, folder: Path, plan: Mapping[str, Any]) -> Self:
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-s",
            "-B",
            "-m",
            "sluis.links.gpio",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            # lgpio makes a pipe of its own in the folder it runs in; it must be one that may be written.
            cwd=folder,
            env={"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "LANG": "C.UTF-8"},
        )
        made = cls(process)
        made.say({"plan": plan})
        return made

    async def ready(self) -> tuple[str, str]:
        """What it holds, and what is wrong with its totals. LinkError when it holds nothing."""
        try:
            async with asyncio.timeout(START_S):
                async for said in self.said():
                    if "failed" in said:
                        raise LinkError(str(said["failed"]))
                    if "ready" in said:
                        return str(said["ready"]), str(said["problem"])
        except TimeoutError:
            raise LinkError(f"the process that holds the pins did not start within {START_S:.0f} s") from None
        raise LinkError("the process that holds the pins ended at once; see the log")

    async def said(self) -> AsyncIterator[Mapping[str, Any]]:
        """What it says, until it ends. LinkError for what is no message."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise LinkError(f"the process that holds the pins said {line[:80]!r}") from error

    def say(self, what: Mapping[str, Any]) -> None:
        pipe = self._process.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(json.dumps(what).encode() + b"\n")

    async def beat(self) -> None:
        """Tell it that the gateway lives, until cancelled."""
        while True:
            self.say({})
            await asyncio.sleep(BEAT_S)

    async def end(self) -> str:
        """In order when it still listens, by force when not; its last words."""
        if self._process.returncode is None:
            with contextlib.suppress(OSError, RuntimeError):
                self.say({"stop": True})
            await self._gone(STOP_S)
        return await self._words()

    async def abandon(self) -> str:
        """Let it find that the gateway is dead; its last words."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._gone(START_S)
        return await self._words()

    async def _gone(self, within_s: float) -> None:
        try:
            await asyncio.wait_for(self._to_its_end(), within_s)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _to_its_end(self) -> None:
        """It ended, and nothing it said is left unread."""
        assert self._process.stdout is not None
        while await self._process.stdout.readline():
            continue
        await self._process.wait()

    async def _words(self) -> str:
        if self._process.stdin is not None:
            self._process.stdin.close()
        return await self._spoken


async def _last_words(process: Process) -> str:
    """The last line of what it wrote to stderr, until its end."""
    assert process.stderr is not None
    last = ""
    while line := await process.stderr.readline():
        last = line.decode(errors="replace").strip() or last
        log.info("gpio keeper: %s", last)
    return last
