"""What a driver host costs: µs per frame through it against the same driver in this process, and its memory."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import psutil

from bench import Figure
from sluis.hosted.host import Host
from sluis.hosted.messages import Load
from sluis.model import Frame, Stamp
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of_file

FILE = Path(__file__).parents[1] / "docs" / "examples" / "drivers" / "acme_t1.py"
FRAME = Frame("mqtt", "acme/7f21/state", b'{"t": 215, "h": 43, "relay": "ON"}', Stamp(0, 0))
ROUNDS = 7
FRAMES = 2000


def measure() -> list[Figure]:
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    (here,) = drivers_of_file(FILE)
    host = Host(Load(FILE.name, str(FILE), FILE.read_bytes()), SystemClock())
    began = time.perf_counter()
    (there,) = await host.start()
    start_s = time.perf_counter() - began
    ours, theirs = here("7f21"), there("7f21")
    rounds = [(cost_us(ours), cost_us(theirs)) for _ in range(ROUNDS)]
    memory = psutil.Process(host.alive().process.pid).memory_full_info()
    host.close()
    plain_us = statistics.median(plain for plain, _ in rounds)
    hosted_us = statistics.median(hosted for _, hosted in rounds)
    ratio = statistics.median(hosted / plain for plain, hosted in rounds)
    return [
        Figure("decode in the gateway's process", plain_us, "µs"),
        Figure("decode through a driver host", hosted_us, "µs", "in process", ratio),
        Figure("memory of its own (USS)", memory.uss / 2**20, "MB"),
        Figure("memory resident (RSS)", memory.rss / 2**20, "MB"),
        Figure("start of a host", start_s, "s"),
        Figure("worst block of the loop by a hang", await hang_ms(), "ms", bar="<= 300"),
    ]


def cost_us(driver: Driver) -> float:
    began = time.perf_counter()
    for _ in range(FRAMES):
        list(driver.decode(FRAME))
    return (time.perf_counter() - began) / FRAMES * 1e6


async def hang_ms() -> float:
    """How long one call of a driver that never answers holds the event loop."""
    text = FILE.read_bytes().replace(b"said = object_of(frame.data)", b"while True: pass")
    host = Host(Load(FILE.name, str(FILE), text), SystemClock())
    (cls,) = await host.start()
    one = cls("7f21")
    began = time.perf_counter()
    try:
        one.decode(FRAME)
    except Exception:
        return (time.perf_counter() - began) * 1e3
    finally:
        host.close()
    raise AssertionError("it answered")


if __name__ == "__main__":
    for figure in measure():
        print(figure)
