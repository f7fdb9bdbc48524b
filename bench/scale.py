"""Cost by number of devices: each sends one reading every ten seconds; CPU and memory from 10 to 2,000 devices."""

from __future__ import annotations

import time

from bench import Figure
from bench.site import folder, gateway, load

SIZES = (10, 100, 500, 1_000, 2_000)
EVERY_S = 10.0
FOR_S = 20.0
POINT: dict[str, object] = {"temperature": {"quantity": "temperature", "unit": "°C", "every_s": EVERY_S}}
CPU_BAR, MEMORY_BAR = 0.10, 120.0


def measure() -> list[Figure]:
    figures, costs = [], {}
    for size in SIZES:
        cpu, memory = one(size)
        costs[size] = cpu
        idle = size == 500
        figures.append(
            Figure(
                f"CPU, {size} devices",
                cpu * 100,
                "% core",
                bar="< 10 %" if idle else "",
                met=cpu < CPU_BAR if idle else None,
            )
        )
        figures.append(
            Figure(
                f"memory, {size} devices",
                memory,
                "MB",
                bar="< 120 MB" if idle else "",
                met=memory < MEMORY_BAR if idle else None,
            )
        )
    base = costs[SIZES[0]]
    slope = (costs[2_000] - base) / (2_000 - 10)
    straight = base + slope * (500 - 10)
    bend = costs[500] / straight if straight else 1.0
    figures.append(Figure("CPU at 500 against a straight line 10..2,000", costs[500] * 100, "% core", "line", bend))
    return figures


def one(size: int) -> tuple[float, float]:
    """(CPU in cores, resident MB) of the gateway process with `size` devices."""
    with folder() as at, gateway(at) as running:
        running.announce(size, points=POINT)
        time.sleep(3)
        before, began = running.process.cpu_times(), time.perf_counter()
        load(running.port, size, int(size * FOR_S / EVERY_S), size / EVERY_S, running.user, running.password)
        elapsed = time.perf_counter() - began
        used = running.process.cpu_times()
        cpu = (used.user + used.system - before.user - before.system) / elapsed
        return cpu, running.process.memory_info().rss / 1e6
