"""Datapoint types on the wire: what knxd's own `knxtool` writes is read, and what is set it sees, byte for byte.

The bytes are those of KNX Standard 03/07/02 Datapoint Types; knxtool knows no types and carries bytes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluis.links.knx import KnxLink, KnxSettings
from sluis.runtime import SystemClock
from tests.links.knx.daemon import Daemon
from tests.links.knx.test_knx import Room

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

KNXTOOL = shutil.which("knxtool") or "/usr/bin/knxtool"

VALUES: tuple[tuple[str, Any, str], ...] = (
    ("1.001", True, "01"),
    ("1.001", False, "00"),
    ("5.001", 20, "33"),
    ("5.001", 100, "FF"),
    ("5.010", 200, "C8"),
    ("6.010", -5, "FB"),
    ("7.001", 1000, "03 E8"),
    ("7.600", 3000, "0B B8"),
    ("8.001", -1000, "FC 18"),
    ("9.001", 21.5, "0C 33"),
    ("9.001", -30, "8A 24"),
    ("9.004", 400, "2C E2"),
    ("9.007", 50, "14 E2"),
    ("9.008", 800, "34 E2"),
    ("12.001", 1_000_000, "00 0F 42 40"),
    ("13.010", -5, "FF FF FF FB"),
    ("14.056", 1500.5, "44 BB 90 00"),
    ("16.000", "Hello", "48 65 6C 6C 6F 00 00 00 00 00 00 00 00 00"),
    ("17.001", 1, "00"),
    ("20.102", "comfort", "01"),
    ("29.010", 5_000_000_000, "00 00 00 01 2A 05 F2 00"),
    ("232.600", "#ff8000", "FF 80 00"),
)
"""(datapoint type, value, its bytes)"""


def key(number: str) -> str:
    return "dpt_" + number.replace(".", "_")


def address(number: str) -> str:
    """A group address for each type."""
    main, _, sub = number.partition(".")
    return f"{int(main) % 32}/{int(main) // 32}/{int(sub) % 256}"


MAP = "\n".join(f"[{key(one)}]\ndpt = '{one}'\nset = '{address(one)}'" for one in dict.fromkeys(v[0] for v in VALUES))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def room(daemon: Daemon, tasks: Start, eventually: Eventually) -> Room:
    settings = KnxSettings(
        host="127.0.0.1", port=daemon.port, local_ip="127.0.0.1", telegrams_per_s=1_000, connect_s=10
    )
    made = Room(KnxLink(settings, SystemClock()), MAP)
    tasks(made.link.run())
    tasks(made.run())
    await eventually(lambda: made.link.up)
    return made


@pytest.fixture
async def seen(daemon: Daemon, tasks: Start) -> AsyncIterator[list[str]]:
    """What knxtool sees on the bus: `1/0/1: 01`."""
    listener = await asyncio.create_subprocess_exec(
        KNXTOOL, "groupsocketlisten", f"local:{daemon.socket}", stdout=asyncio.subprocess.PIPE
    )
    lines: list[str] = []

    async def read() -> None:
        assert listener.stdout is not None
        while line := await listener.stdout.readline():
            lines.append(line.decode().partition(" to ")[2].strip())

    tasks(read())
    yield lines
    listener.kill()
    await listener.wait()


async def tool(daemon: Daemon, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        KNXTOOL, words[0], f"local:{daemon.socket}", *words[1:], stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def test_what_another_participant_writes_is_read(daemon: Daemon, room: Room, eventually: Eventually) -> None:
    for number, value, data in VALUES:
        small = number.startswith("1.")
        await tool(daemon, "groupswrite" if small else "groupwrite", address(number), *data.split())
        await eventually(lambda number=number, value=value: room.values.get(key(number)) == pytest.approx(value))


async def test_what_is_set_arrives_at_another_participant(
    daemon: Daemon, room: Room, seen: list[str], eventually: Eventually
) -> None:
    async def listens() -> bool:
        await tool(daemon, "groupswrite", "31/7/1", "1")
        return bool(seen)

    await eventually(listens)
    for number, value, data in VALUES:
        await room.command(key(number), value)
        await eventually(lambda number=number, data=data: seen[-1] == f"{address(number)}: {data}")
