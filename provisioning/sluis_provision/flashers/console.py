"""Asking a board that runs MicroPython what it is; and seeing that one does not start."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sluis.model import ProvisionError
from sluis_provision.flashers.kinds import BoardFound
from sluis_provision.flashers.port import Port, open_port
from sluis_provision.flashers.problem import NoRepl, NotStarted, PortUnusable, Unplugged
from sluis_provision.flashers.rawrepl import RawRepl

APPEARS_S = 15.0
"""After a reset a board with native USB leaves the bus and comes back; a Pi with a full hub takes seconds for that."""
WHO = """
import sys
def _s(f):
    try: return str(f())
    except Exception: return ''
def _u():
    import machine, binascii
    return binascii.hexlify(machine.unique_id()).decode()
def _f():
    try:
        import esp
        return esp.flash_size()
    except ImportError:
        return 0
def _o():
    import os
    return os.uname().machine
print('\\t'.join(('SLUIS-WHO', sys.platform, '.'.join(str(n) for n in sys.implementation[1][:3]),
    _s(lambda: sys.implementation._machine) or _s(_o), _s(_u), _s(_f))))
"""
LOOPS = re.compile(rb"rst:0x|invalid header|Guru Meditation|Fatal exception|Brownout detector", re.I)
LOOPING = 3
"""So many signs of a fresh start within the time a board has to give its prompt, and it will not come up: a healthy
one resets once, and may report a brown-out at plugging."""


@asynccontextmanager
async def raw(name: str, appears_s: float = APPEARS_S) -> AsyncIterator[RawRepl]:
    """The raw REPL of the board on a port that is there, or will be in a moment."""
    port = await appeared(name, appears_s)
    async with port:
        repl = RawRepl(port)
        await repl.enter()
        try:
            yield repl
        finally:
            with suppress(ProvisionError):
                await repl.leave()


async def appeared(name: str, within_s: float) -> Port:
    """The port, opened as soon as it is there. PortUnusable when it does not come."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while True:
        try:
            return await open_port(name)
        except PortUnusable:
            if loop.time() > end or ("://" not in name and not Path(name).parent.is_dir()):
                raise
            await asyncio.sleep(0.1)


async def who(repl: RawRepl) -> BoardFound:
    """What MicroPython says of the board."""
    said = await repl.run(WHO)
    for line in said.splitlines():
        words = line.split("\t")
        if words[0] == "SLUIS-WHO" and len(words) == 6:
            size = int(words[5]) if words[5].isdigit() else 0
            return BoardFound(chip=chip_named(words[3]), uid=words[4], flash_bytes=size, version=words[2])
    raise NoRepl("the board does not say what it is")


def chip_named(machine: str) -> str:
    """`Raspberry Pi Pico W with RP2040` -> `rp2040`."""
    return machine.rpartition(" with ")[2].strip().lower().replace("-", "") if " with " in machine else ""


async def greet(name: str, appears_s: float = APPEARS_S) -> BoardFound:
    """Wait for a board that was just started, ask it, and let it run on. NotStarted when it does not come up."""
    try:
        port = await appeared(name, appears_s)
    except PortUnusable as error:
        raise NotStarted(f"the board did not come back on {name}") from error
    async with port:
        repl = RawRepl(port)
        await port.settle(0.3, 2.0)
        _see(name, port.tail)
        try:
            await repl.enter()
        except NoRepl:
            _see(name, port.tail)
            raise
        except Unplugged as error:
            raise NotStarted(f"the board on {name} left while it started") from error
        told = await who(repl)
        await repl.restart()
        return told


def _see(name: str, said: bytes) -> None:
    """NotStarted when this is a board that starts again and again."""
    if len(LOOPS.findall(said)) >= LOOPING:
        last = said.decode("ascii", "replace").strip().splitlines()[-1:]
        raise NotStarted(f"the board on {name} starts again and again ({''.join(last)})")
