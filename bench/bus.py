"""How much of an RS-485 pair's time 32 Modbus RTU devices get, against what the wire itself allows.

The pair is a pseudo terminal with a process behind it that carries bytes at the real baud: a question takes the time of
its characters, the device waits the 3.5 characters that the specification wants, its answer takes the time of its own.
What is above that is the link's: quiet, turns, cutting, the event loop.

Reference, computed for the same questions: characters of question and answer and twice 3.5 characters of quiet
(Modbus over serial line V1.02, section 2.5.1), 32 devices in turn.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import tty

from bench import Figure
from sluis.links.exchange.pace import character_s, t35_s
from sluis.links.serial import SerialLink, SerialSettings
from sluis.runtime import SystemClock
from sluis.runtime.patience import patient
from sluis.sdk import Framing, Station
from sluis.wire.modbus_rtu import crc16

UNITS, REGISTERS = 32, 10
ROUNDS = 5
BAUDS = (9_600, 19_200)
BAR = 1.10


def framed(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


def question(unit: int) -> bytes:
    return framed(bytes((unit, 3, 0, 0, 0, REGISTERS)))


def answer(unit: int) -> bytes:
    return framed(bytes((unit, 3, 2 * REGISTERS)) + bytes(2 * REGISTERS))


def stand_in(master: int, baud: int) -> None:
    """The 32 devices and the wire: bytes take their time."""
    char_s = character_s(baud, 8, True, 1)
    print("ready", flush=True)
    while True:
        held = os.read(master, 8)
        began = time.perf_counter()
        while len(held) < 8:
            held += os.read(master, 8 - len(held))
        due = began + 8 * char_s + t35_s(char_s, baud) + len(answer(held[0])) * char_s
        while (left := due - time.perf_counter()) > 0:
            time.sleep(max(0.0, left - 0.0003) if left > 0.0005 else 0)
        os.write(master, answer(held[0]))


async def rounds(port: str, baud: int) -> float:
    """Seconds for a round of all devices, each in a task of its own as the poller has them; the median."""
    link = SerialLink(SerialSettings("bus", port, baud=baud, parity="even"), SystemClock())
    link.set_stations({f"bus/{unit}": Station(f"bus/{unit}", Framing("modbus-rtu")) for unit in range(1, UNITS + 1)})
    running = asyncio.ensure_future(link.run())
    up = asyncio.Event()
    link.on_change(lambda is_up, reason: up.set() if is_up else None)
    await up.wait()
    patient.set(True)
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        await asyncio.gather(
            *(link.request(question(unit), to=f"bus/{unit}", timeout_s=1) for unit in range(1, UNITS + 1))
        )
        took.append(time.perf_counter() - began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return sorted(took[1:])[ROUNDS // 2]


def measure() -> list[Figure]:
    figures = []
    for baud in BAUDS:
        master, slave = os.openpty()
        tty.setraw(slave)
        port = os.ttyname(slave)
        program = f"from bench.bus import stand_in; stand_in({master}, {baud})"
        wire = subprocess.Popen([sys.executable, "-c", program], pass_fds=[master], stdout=subprocess.PIPE)
        assert wire.stdout is not None
        wire.stdout.readline()
        try:
            took_s = asyncio.run(rounds(port, baud))
        finally:
            wire.kill()
            wire.wait(10)
            wire.stdout.close()
            os.close(master)
            os.close(slave)
        char_s = character_s(baud, 8, True, 1)
        least_s = UNITS * ((8 + len(answer(1))) * char_s + 2 * t35_s(char_s, baud))
        ratio = took_s / least_s
        name, reference = f"32 Modbus units on a pair, a round at {baud} Bd", f"the wire ({1000 * least_s:.0f} ms)"
        figures.append(Figure(name, 1000 * took_s, "ms", reference, ratio, "<= 1.1", ratio <= BAR))
    return figures
