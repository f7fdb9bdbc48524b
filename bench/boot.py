"""Second start of the demo site to "ready", against starting a bare Python with the web framework."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import Figure
from bench.site import folder, wait_for

ROUNDS = 3
BAR_S = 3.0


def measure() -> list[Figure]:
    with folder() as at:
        start(at, settle=8)
        times = [start(at) for _ in range(ROUNDS)]
    bare = statistics.median(bare_start() for _ in range(ROUNDS))
    median = statistics.median(times)
    return [
        Figure(
            "second start to ready", median, "s", "import fastapi", median / bare, f"< {BAR_S:.0f} s", median < BAR_S
        )
    ]


def start(at: Path, settle: float = 0) -> float:
    info = at / "run" / "gateway.json"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sluis", "demo", "--data-dir", str(at)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(info.exists, "a start")
    seconds = time.perf_counter() - began
    time.sleep(settle)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    return seconds


def bare_start() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import fastapi, uvicorn"], check=True)
    return time.perf_counter() - began
