"""A full disk: nothing acknowledged, nothing lost, alerts still have room, and it heals by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sluis.store.health import follow_condition, health
from sluis.store.settings import StoreSettings
from sluis.store.writer import Condition

from .conftest import NOW, open_store

Eventually = Callable[..., Awaitable[None]]
SMALL = StoreSettings(reserve_mb=4.0, commit_interval_s=0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small file system needs root; see test_a_quota_on_file_size")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_it_goes_on_and_heals(small_disk: Path, eventually: Eventually) -> None:
    store = await open_store(small_disk / "sluis.db", SMALL)
    told: list[Condition] = []
    follow_condition(store.readings, lambda condition, reason: told.append(condition))
    assert told == [Condition.OK], "an alert of an earlier life ends"
    told.clear()
    await eventually(lambda: store.database.reserve.made)
    foreign = small_disk / "somebody-elses.log"
    foreign.write_bytes(bytes(22_000_000))

    appends: list[asyncio.Future[int]] = []
    while not told and len(appends) < 300:
        first = len(appends) * 1_000
        appends.append(asyncio.ensure_future(store.put("temperature", [(i, i) for i in range(first, first + 1_000)])))
        await eventually(lambda: appends[-1].done() or bool(told))
    assert told == [Condition.FULL]
    assert 0 < sum(one.done() for one in appends) < len(appends)
    assert not health(store.readings).reserve

    # An alert still gets through, in the room that the reserve left; readings do not take that.
    late = [asyncio.ensure_future(store.put("on", [(i, i % 2 == 0)])) for i in range(50)]
    for number in range(20):
        assert await store.devices.point_ids("device", [f"alert{number}"])
    assert not any(one.done() for one in late)
    assert health(store.readings).waiting >= 51

    foreign.unlink()
    await asyncio.wait_for(asyncio.gather(*appends, *late), 20)
    assert await store.all("temperature") == list(range(len(appends) * 1_000))
    assert await store.all("on") == [i % 2 == 0 for i in range(50)]
    await eventually(lambda: told == [Condition.FULL, Condition.OK])
    assert health(store.readings).reserve
    store.database.close()


async def test_packing_in_the_reserve_makes_room(small_disk: Path, eventually: Eventually) -> None:
    """Nobody frees anything: compressing what is there makes the room."""
    store = await open_store(small_disk / "sluis.db", SMALL)
    await eventually(lambda: store.database.reserve.made)
    (small_disk / "somebody-elses.log").write_bytes(bytes(22_000_000))
    appends: list[asyncio.Future[int]] = []
    while health(store.readings).condition is Condition.OK and len(appends) < 300:
        first = len(appends) * 1_000
        appends.append(asyncio.ensure_future(store.put("temperature", [(i, i) for i in range(first, first + 1_000)])))
        await eventually(lambda: appends[-1].done() or health(store.readings).condition is Condition.FULL)
    assert not appends[-1].done()
    assert await store.packing.pack(NOW) > 0
    await asyncio.wait_for(asyncio.gather(*appends), 20)
    assert await store.all("temperature") == list(range(len(appends) * 1_000))
    store.database.close()


async def test_closing_while_full_acknowledges_nothing(small_disk: Path, eventually: Eventually) -> None:
    store = await open_store(small_disk / "sluis.db", SMALL)
    await eventually(lambda: store.database.reserve.made)
    (small_disk / "other").write_bytes(bytes(28_900_000))
    rows = [(i, float(i)) for i in range(60_000)]
    append = asyncio.ensure_future(store.put("temperature", rows))
    await eventually(lambda: health(store.readings).condition is Condition.FULL)
    await asyncio.to_thread(store.database.close)
    with pytest.raises(OSError, match="stopped"):
        await append
    again = await open_store(small_disk / "sluis.db", SMALL)
    assert await again.all("temperature") == []
    again.database.close()


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from sluis.intake.ports import Batch, Row
from sluis.model import Stamp
from sluis.store.database import Database
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = Database(Path(sys.argv[1]), StoreSettings(reserve_mb=0))
database.start()
readings = Readings(database, Stamp(0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
futures = [readings.append(Batch([Row(1, Stamp(i, i), 1000 * n + i, 0) for i in range(1000)])) for n in range(150)]
while database.writer.condition == "ok":
    pass
print("held", sum(one.done() for one in futures), flush=True)
sys.stdin.readline()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print("last", futures[-1].result(30), flush=True)
while database.writer.condition != "ok":
    pass
found = database.read_now(lambda c: [v for (v,) in c.execute("SELECT value FROM readings ORDER BY seq")])
print("whole", found == list(range(150_000)), flush=True)
database.close()
"""


def test_a_quota_on_file_size(tmp_path: Path) -> None:
    """Not "no space" but "not you": the same, without root."""
    child = subprocess.Popen(
        [sys.executable, "-c", LIMITED, str(tmp_path / "sluis.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    word, done = child.stdout.readline().split()
    assert word == "held"
    assert int(done) < 150
    out, _ = child.communicate("\n", timeout=50)
    assert out.split("\n")[:2] == ["last 150000", "whole True"]
    assert child.returncode == 0
