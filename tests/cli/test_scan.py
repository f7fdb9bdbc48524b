"""`sluis scan`: waits until it is over, or until Ctrl-C, and says what became of each thing."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Done
from tests.conftest import eventually
from tests.panel.conftest import Site

from sluis.app.scanning import Scanning
from sluis.intake.scan import Scan
from sluis.model import Frame

Run = Callable[..., Awaitable[Done]]


def a_scan(site: Site) -> Scan:
    scan = Scan(site.register, site.clock)
    site.register.links = {"mqtt": "mqtt"}
    site.app.state.house = replace(site.house, scanning=Scanning(scan, list, site.audit, lambda: ()))
    return scan


async def heard(site: Site, scan: Scan) -> None:
    await eventually(lambda: scan.on, within_s=20)
    for topic in ("m/two/data", "stranger/\x1b[31mred/x"):
        scan.note("mqtt", Frame("mqtt", topic, b"{}", site.stamp()))


async def test_it_waits_for_the_end_and_says_why(site: Site, run: Run) -> None:
    scan = a_scan(site)
    running = asyncio.ensure_future(run("scan", "--for", "5"))
    await heard(site, scan)
    await site.clock.advance(6)
    scan.expire(site.stamp().mono_us)
    done = await running
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Link", "Source", "Signal", "Count", "Last", "Device", "What", "of", "it"]
    assert lines[1].split()[:2] == ["mqtt", "m/two"] and lines[1].endswith("in use") and "meter-two" in lines[1]
    assert lines[2].endswith("no driver knows it") and "\x1b" not in lines[2]


async def test_ctrl_c_on_a_terminal_leaves_what_was_heard(site: Site, tmp_path: Path) -> None:
    scan = a_scan(site)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sluis", "--data-dir", str(tmp_path), "scan"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    said = bytearray()
    reading = asyncio.ensure_future(asyncio.to_thread(_read, ours, said))
    try:
        await heard(site, scan)
        await eventually(lambda: b"no driver knows it" in said, within_s=20)
        assert b"Ctrl-C stops" in said
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        await asyncio.wait_for(reading, 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)
    assert b"Traceback" not in said and b"in use" in said.split(b"Ctrl-C stops")[-1], "the list stays at the end"


def _read(file: int, into: bytearray) -> None:
    """What is written to a terminal, until its last writer has gone."""
    try:
        while piece := os.read(file, 4096):
            into += piece
    except OSError:
        pass
