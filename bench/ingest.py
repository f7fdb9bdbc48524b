"""Burst throughput: 256-byte JSON telemetry, QoS 1, decoded, committed, acknowledged; against the floor."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import Figure
from bench.site import folder, gateway, load, plain_broker, wait_for

COUNT = 10_000
DEVICES = 20
ROUNDS = 3
BAR = 0.4


def measure() -> list[Figure]:
    floors, ours, ratios, lost = [], [], [], 0
    for _ in range(ROUNDS):
        with folder() as at:
            floors.append(floor_rate(at))
        with folder() as at:
            rate, missing = sluis_rate(at)
            ours.append(rate)
            lost += missing
        ratios.append(ours[-1] / floors[-1])
    ratio = statistics.median(ratios)
    return [
        Figure("the floor, burst", statistics.median(floors), "msg/s"),
        Figure("Sluis, burst", statistics.median(ours), "msg/s", "floor", ratio, f">= {BAR}", ratio >= BAR),
        Figure("messages lost in the bursts", lost, "", bar="0", met=lost == 0),
    ]


def floor_rate(at: Path) -> float:
    with plain_broker(at) as port:
        database = at / "floor.db"
        command = [sys.executable, "-m", "bench.floor", str(port), str(database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            began = time.perf_counter()
            load(port, DEVICES, COUNT)
            wait_for(lambda: rows(database) >= COUNT, "the floor stores everything")
            seconds = time.perf_counter() - began
            process.terminate()
    return COUNT / seconds


def rows(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute("SELECT count(*) FROM readings").fetchone()[0])


def sluis_rate(at: Path) -> tuple[float, int]:
    """Messages per second, and how many are missing in the store."""
    with gateway(at) as running:
        running.announce(DEVICES)
        before, began = running.stored(), time.perf_counter()
        load(running.port, DEVICES, COUNT, 0, running.user, running.password)
        wanted = before + COUNT * 5
        wait_for(lambda: running.stored() >= wanted, "Sluis stores everything")
        seconds = time.perf_counter() - began
        return COUNT / seconds, (wanted - running.stored()) // 5


if __name__ == "__main__":
    for figure in measure():
        print(figure)
