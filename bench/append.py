"""Appending readings: throughput beside a bare sqlite3 loop with the same durability, and bytes per reading."""

from __future__ import annotations

import asyncio
import math
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import Figure
from sluis.intake.ports import Batch, Delivery, Row
from sluis.model import Device, Stamp
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.history import History
from sluis.store.packing import Packing
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

ROWS = 100_000
BATCH = 64
"""Frames that intake hands over at once (`sluis.intake.intake.CHUNK`)."""

T0_US = 1_795_500_000_000_000
POINTS = 500
DAY_ROWS = 8_640


def value(index: int) -> float:
    return round(21 + math.sin(index / 700) + index % 7 / 50, 2)


def floor(path: Path, rows: int) -> float:
    """Rows a second of the plainest loop: executemany, one commit per 500 rows, synchronous=FULL."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE readings (point INTEGER, at INTEGER, value REAL)")
    began = time.perf_counter()
    for start in range(0, rows, 500):
        batch = [(i % POINTS, T0_US + i, value(i)) for i in range(start, start + 500)]
        with database:
            database.executemany("INSERT INTO readings VALUES (?, ?, ?)", batch)
    took = time.perf_counter() - began
    database.close()
    return rows / took


def opened(path: Path) -> tuple[Database, Readings]:
    database = Database(path, StoreSettings(reserve_mb=0, commit_interval_s=0))
    database.start()
    return database, Readings(database, Stamp(T0_US, 0))


def batches(rows: int) -> list[Batch]:
    return [
        Batch(
            [Row(i % POINTS, Stamp(T0_US + i, i), value(i), 0) for i in range(start, min(rows, start + BATCH))],
            delivery=Delivery("mqtt", "s", tuple(range(BATCH)), tuple(range(BATCH))),
        )
        for start in range(0, rows, BATCH)
    ]


def append(path: Path, rows: int) -> float:
    """Rows a second of our store, acknowledged."""
    database, readings = opened(path)
    ready = batches(rows)
    began = time.perf_counter()
    futures = [readings.append(batch) for batch in ready]
    futures[-1].result(120)
    took = time.perf_counter() - began
    database.close()
    return rows / took


def append_beside_a_busy_loop(path: Path, rows: int) -> float:
    """The same while another thread never lets go of the interpreter by itself."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1_000))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        return append(path, rows)
    finally:
        stop.set()
        thread.join()


def at_rest(path: Path) -> tuple[float, float]:
    """(bytes of the file per reading, seconds to pack a million): 20 points, a day of readings each 10 s."""
    database, readings = opened(path)
    rows, seconds = 20 * DAY_ROWS, 0.0
    chance, values = random.Random(1), [21.0] * 20
    for part in range(12):
        span = range(part * DAY_ROWS // 12, (part + 1) * DAY_ROWS // 12)
        made = [honest(chance, values, i * 10, p) for i in span for p in range(20)]
        readings.append(Batch(made)).result(60)
        began = time.perf_counter()
        asyncio.run(Packing(readings).pack(Stamp(T0_US, 0)))
        seconds += time.perf_counter() - began
    size = database.read_now(
        lambda c: (
            c.execute("SELECT sum(pgsize) FROM dbstat WHERE name IN ('blocks', 'segments', 'latest')").fetchone()[0]
            if has_dbstat(c)
            else c.execute("SELECT sum(length(data)) FROM blocks").fetchone()[0]
        )
    )
    database.close()
    return size / rows, seconds / rows * 1e6


def has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True


def honest(chance: random.Random, values: list[float], second: int, point: int) -> Row:
    """A sensor with two decimals that drifts by steps, up to 5 ms late, on clocks that do not quite agree."""
    values[point] = round(values[point] + chance.choice((-0.02, -0.01, 0, 0, 0, 0.01, 0.02)), 2)
    late = second * 1_000_000 + chance.randrange(5_000)
    return Row(point, Stamp(T0_US + late + chance.randrange(3), late), values[point], 0)


def written(path: Path, together: int) -> float:
    """Bytes written per reading, from arrival to block, when `together` readings share a commit."""
    database, readings = opened(path)
    chance, values = random.Random(1), [21.0] * POINTS
    before = database.writer.meter.total
    rows = max(1_000, 40_000 if together > 1 else 0)
    for start in range(0, rows, together):
        of_one = range(start, start + together)
        batch = [honest(chance, values, number // 50, number % POINTS) for number in of_one]
        identity = Delivery("mqtt", "s", tuple(of_one), tuple(of_one))
        readings.append(Batch(batch, delivery=identity)).result(10)
    asyncio.run(Packing(readings).pack(Stamp(T0_US, 0)))
    total = database.writer.meter.total - before
    database.close()
    return total / rows


async def thirty_days(path: Path) -> tuple[float, float]:
    """(ms to the first answer, median ms of the next): one point, 30 days at 10 s in 300 spans."""
    database, readings = opened(path)
    devices = Devices(database)
    await devices.save(Device("d", "x", "n", "mqtt"))
    point = (await devices.point_ids("d", ["t"]))["t"]
    packing = Packing(readings)
    for part in range(360):  # every two hours, as `pack_after_s` does it
        span = range(part * 720, (part + 1) * 720)
        rows = [Row(point, Stamp(T0_US + i * 10_000_000, i * 10_000_000), value(i), 0) for i in span]
        await asyncio.wrap_future(readings.append(Batch(rows)))
        if part < 359:
            await packing.pack(Stamp(T0_US, 0))
    database.close()
    database, readings = opened(path)
    history = History(readings)
    took = []
    for _ in range(9):
        began = time.perf_counter()
        found = await history.series("d", "t", T0_US, T0_US + 30 * 86_400_000_000, 300)
        took.append((time.perf_counter() - began) * 1e3)
        assert sum(one.count for one in found) == 360 * 720
    database.close()
    return took[0], sorted(took[1:])[4]


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floors = floor(folder / "floor", ROWS)
        ours = append(folder / "ours", ROWS)
        busy = append_beside_a_busy_loop(folder / "busy", ROWS // 4)
        size, pack_s = at_rest(folder / "rest")
        costs = {together: written(folder / f"written{together}", together) for together in (1, 5, 50, 500)}
        first_ms, next_ms = asyncio.run(thirty_days(folder / "days"))
    sys.stdout.flush()
    reference = "sqlite3 executemany, 500 a commit"
    return [
        Figure("readings acknowledged", ours, "/s", reference, ours / floors, ">= 0.4", ours >= 0.4 * floors),
        Figure(
            "... beside a thread that hogs the interpreter",
            busy,
            "/s",
            reference,
            busy / floors,
            ">= 10000/s",
            busy >= 1e4,
        ),
        Figure("bytes at rest, with rollups", size, "B/reading"),
        Figure("time to pack a million readings", pack_s, "s"),
        *(Figure(f"bytes written, {n} to a commit", cost, "B/reading") for n, cost in costs.items()),
        Figure("30 days at 10 s, first answer", first_ms, "ms", bar="< 50 ms", met=first_ms < 50),
        Figure("30 days at 10 s, next answer", next_ms, "ms", bar="< 50 ms", met=next_ms < 50),
    ]
