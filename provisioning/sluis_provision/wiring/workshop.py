"""Asks the firmware that comes with this gateway: what it knows, and what is wrong with a configuration."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluis.model.wiring import Catalogue, Fault
from sluis.shared import shared_dir
from sluis_provision.wiring import firmware_says
from sluis_provision.wiring.catalogue import catalogue
from sluis_provision.wiring.problem import NoCheck

WITHIN_S = 30.0
"""A check takes a tenth of a second, on a busy Pi with a worn card some seconds."""

BYTES_MAX = 24_000
"""A node takes questions of 24 KiB; the rest of the question has room in what is left."""


class Workshop:
    """Checks are made one at a time: each is a process of some 15 MB for a moment."""

    def __init__(self, firmware: Path | None = None) -> None:
        self._lib = (firmware or shared_dir("firmware")) / "lib"
        self._catalogue: Catalogue | None = None
        self._one = asyncio.Lock()

    async def catalogue(self) -> Catalogue:
        """What may be wired. The same for as long as the gateway runs."""
        if self._catalogue is None:
            self._catalogue = catalogue(await self._ask({"do": "describe"}))
        return self._catalogue

    async def check(self, config: Mapping[str, Any], board: str = "") -> list[Fault]:
        """What is wrong with a `node.json` for a board; of a board that is not known, all pins are free."""
        size = len(json.dumps(config))
        if size > BYTES_MAX:
            return [Fault("", f"has {size} bytes, a node takes {BYTES_MAX}")]
        told = await self._ask({"do": "check", "config": config, "board": board})
        return [Fault(where, what) for where, what in told["wrong"]]

    async def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """NoCheck when it does not run, and when it takes too long."""
        command = [sys.executable, "-I", "-S", "-B", firmware_says.__file__, str(self._lib)]
        pipe = asyncio.subprocess.PIPE
        async with self._one:
            try:
                child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
            except OSError as error:
                raise NoCheck(f"the firmware's checks do not start: {error}") from error
            try:
                async with asyncio.timeout(WITHIN_S):
                    said, wrong = await child.communicate(json.dumps(question).encode())
            except TimeoutError:
                raise NoCheck(f"the firmware's checks took longer than {WITHIN_S:.0f} s") from None
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        if child.returncode:
            last = wrong.decode(errors="replace").strip().splitlines()[-1:]
            raise NoCheck(f"the firmware's checks failed: {''.join(last)}")
        found: dict[str, Any] = json.loads(said)
        return found
