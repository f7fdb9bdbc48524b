"""Eight boards at once against one: esptool as it comes, on virtual chips whose wire and flash take their time.

A board with 1.5 MB of program over 921,600 baud: found, written, read back, started. What eight take longer is what
this machine has to do for them (and the chips themselves, which run here as well).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench import Figure
from sluis_provision.bench import Bench, Job, Socket
from sluis_provision.bench.sockets import flasher
from sluis_provision.flashers import Part
from sluis_provision.images.profiles import profile
from sluis_provision.rehearsal import VirtualEsp, micropython
from sluis_provision.rehearsal.esp_image import practice_image
from sluis_provision.rehearsal.hardware import version_of

BOARDS = 8
PROGRAM = 1_500_000
BAR = 1.4


def measure() -> list[Figure]:
    interpreter = micropython()
    if interpreter is None:
        return []
    one_s = asyncio.run(_timed(interpreter, 1))
    all_s = asyncio.run(_timed(interpreter, BOARDS))
    ratio = all_s / one_s
    return [
        Figure("flash: one board, 1.5 MB", one_s, "s"),
        Figure(f"flash: {BOARDS} boards at once", all_s, "s", "one board", ratio, f"< {BAR}", ratio < BAR),
    ]


async def _timed(interpreter: str, count: int) -> float:
    """Seconds until all are done."""
    kind = profile("esp32-c3")
    version = version_of(interpreter)
    image = practice_image(kind.chip, version, os.urandom(PROGRAM))
    job = Job(kind, "practice", "", [Part("practice", image)], version)
    with tempfile.TemporaryDirectory(prefix="sluis-bench-") as folder:
        chips = [
            VirtualEsp(interpreter, Path(folder) / str(number), f"02000000{number:04x}", chip=kind.chip, paced=True)
            for number in range(count)
        ]
        running = [asyncio.ensure_future(chip.run()) for chip in chips]
        try:
            for chip in chips:
                chip.power(True)
            await asyncio.gather(*(chip.ready() for chip in chips))
            bench = Bench(job, lambda socket: flasher(socket, kind))
            start = time.perf_counter()
            await bench.run([Socket(str(chip.cable)) for chip in chips])
            took_s = time.perf_counter() - start
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    failed = [card.failure for card in bench.cards.values() if card.failure]
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} boards failed: {failed[0]}")
    return took_s
