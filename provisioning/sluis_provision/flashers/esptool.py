"""Running esptool: a program of its own (GPL), never imported. One call, its lines as they come, and its end.

A call that is cancelled, or says nothing for `SILENT_S`, is ended. What is left on the board then is what was written
so far; the chip stays in its loader until it is reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from sluis_provision.flashers.esptool_says import VERSION, Said, read
from sluis_provision.flashers.problem import ToolUnusable

SILENT_S = 180.0
"""Erasing 16 MB of slow flash takes esptool up to two minutes in which it prints nothing. Shorter would end such an
erase half-way; longer only makes a person wait for a board that died."""
LINE = re.compile(rb"[\r\n]+")


class Failed(Exception):
    """esptool ended with an error: its words, for who knows what was asked."""


@contextlib.asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """A folder for the files of one call, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluis-flash-") as made:
        (Path(made) / "esptool.cfg").write_text("[esptool]\n")  # nobody's own settings change what we meant
        yield Path(made)


async def esptool(
    arguments: Sequence[str], place: Path, heard: Callable[[Said], None], silent_s: float = SILENT_S
) -> None:
    """Run esptool in `place`. Failed with its words; ToolUnusable when it is not there or another version."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "esptool",
        *arguments,
        cwd=place,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ
        | {"ESPTOOL_CFGFILE": str(place / "esptool.cfg"), "NO_COLOR": "1", "COLUMNS": "400", "TERM": "dumb"},
        start_new_session=True,  # Ctrl-C is ours to answer
    )
    said: list[str] = []
    try:
        async for line in _lines(process, silent_s):
            said.append(line)
            known = read(line)
            if known is not None:
                _right_version(known)
                heard(known)
        code = await process.wait()
    finally:
        await _end(process)
    if code != 0:
        raise Failed(_words(said))


def _right_version(said: Said) -> None:
    if said.kind == "tool" and not said.words[0].startswith(VERSION + "."):
        raise ToolUnusable(f"esptool is version {said.words[0]}; Sluis reads the output of {VERSION}")


async def _lines(process: asyncio.subprocess.Process, silent_s: float) -> AsyncIterator[str]:
    assert process.stdout is not None
    left = b""
    while True:
        try:
            async with asyncio.timeout(silent_s):
                data = await process.stdout.read(4096)
        except TimeoutError:
            raise Failed(f"esptool said nothing for {silent_s:.0f} s: timed out") from None
        *whole, left = LINE.split(left + data)
        for line in whole:
            yield line.decode(errors="replace")
        if not data:
            if left:
                yield left.decode(errors="replace")
            return


async def _end(process: asyncio.subprocess.Process) -> None:
    """Whatever happens, no esptool is left holding the port."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(3.0):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _words(said: Sequence[str]) -> str:
    """The sentence of the error among what was printed."""
    text = "\n".join(line.strip() for line in said)
    if "No module named esptool" in text:
        raise ToolUnusable("esptool is not installed")
    fatal = re.search(r"error occurred: (.+)", text)
    if fatal:
        return " ".join(fatal[1].split())
    return next((line for line in reversed(said) if line.strip()), "esptool ended without a word").strip()
