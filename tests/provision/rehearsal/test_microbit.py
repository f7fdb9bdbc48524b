"""A board that is old, small and not ours: Debian's MicroPython 1.9.2 on QEMU's micro:bit, without a file system."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluis_provision.flashers import Part, Repl
from sluis_provision.flashers.console import raw
from sluis_provision.flashers.problem import BoardRefused

FIRMWARE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        not FIRMWARE.exists() or shutil.which("qemu-system-arm") is None, reason="no micro:bit: tools/setup dev"
    ),
]


@pytest.fixture
async def port() -> AsyncIterator[str]:
    command = ["qemu-system-arm", "-M", "microbit", "-nographic", "-monitor", "none", "-serial", "pty"]
    command += ["-device", f"loader,file={FIRMWARE}"]
    pipe = asyncio.subprocess.PIPE
    machine = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    assert machine.stdout is not None
    try:
        while True:
            said = await asyncio.wait_for(machine.stdout.readline(), 60)
            assert said, "QEMU has ended"
            if found := re.search(r"/dev/pts/\d+", said.decode()):
                break
        yield found[0]
    finally:
        machine.kill()
        await machine.communicate()


async def test_it_is_known_runs_programs_and_says_that_it_takes_no_files(port: str) -> None:
    board = Repl(port)
    found = await board.probe()
    assert (found.chip, found.version, found.uid) == ("nrf51822", "1.9.2", "")
    async with raw(port) as repl:
        assert (await repl.run("print(6 * 7)")).strip() == "42"
    with pytest.raises(BoardRefused, match="too old or too small") as refused:
        await board.write([Part("main", b"print(1)\n", file="/main.py")])
    assert refused.value.hint
    assert (await board.boot()).version == "1.9.2", "it runs on"
