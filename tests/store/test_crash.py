"""SIGKILL at random moments: every acknowledged reading is there exactly once, packing and all."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sluis.store.connection import connect
from sluis.store.health import check_integrity
from sluis.store.history import all_readings

KILLS = 6

CHILD = """
import asyncio, sys
from pathlib import Path
from sluis.intake.ports import Batch, Row
from sluis.model import Stamp
from sluis.store.database import Database
from sluis.store.packing import Packing
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

async def main():
    database = Database(Path(sys.argv[1]), StoreSettings(commit_interval_s=0, reserve_mb=0, tail_rows=1000))
    database.start()
    now = Stamp(1_795_500_000_000_000, 1)
    readings = Readings(database, now)
    number = int(sys.argv[2])
    packing = Packing(readings)
    while True:
        futures = []
        for _ in range(20):
            rows = [Row(1, Stamp(now.at_us + n, n), n, 0) for n in range(number, number + 25)]
            number += 25
            future = readings.append(Batch(rows))
            future.add_done_callback(lambda _, last=number - 1: sys.stdout.write(f"{last}\\n"))
            futures.append(asyncio.wrap_future(future))
        await asyncio.gather(*futures)
        sys.stdout.flush()
        await packing.step(now)

asyncio.run(main())
"""


def test_acknowledged_is_stored_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "sluis.db"
    chance = random.Random(20261124)
    acknowledged: set[int] = set()
    following = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(following)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout
        heard = [child.stdout.readline()]  # it runs: now any moment may be the last
        time.sleep(chance.uniform(0.0, 0.4))
        child.kill()
        heard += child.stdout.read().split("\n")[:-1]  # a line cut off in the middle was not heard
        child.stdout.close()
        child.wait()
        for line in heard:
            last = int(line)
            acknowledged.update(range(last - 24, last + 1))
        assert check_integrity(path, thorough=True) == []
        connection = connect(path, read_only=True)
        stored = [int(one.value) for one in all_readings(connection, 1)]
        connection.close()
        assert len(stored) == len(set(stored)), "nothing twice"
        assert acknowledged <= set(stored), "nothing lost"
        assert stored == sorted(stored), "in order"
        following = stored[-1] + 1
    assert len(acknowledged) > KILLS * 25
