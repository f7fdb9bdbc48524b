"""What a frame costs a driver: µs per `decode`, over the frames of tests/devices/frames that decode.

Reference: msgspec decoding the same bytes as JSON, which is the least that any driver does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

import sluis_drivers
from bench import Figure
from sluis.model import Frame
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of
from sluis.sdk.testing import load
from sluis.sdk.testing.conformance import Subject

FRAMES = Path(__file__).parents[1] / "tests" / "devices" / "frames"
LONG_S = 0.3


def measure() -> list[Figure]:
    figures = []
    for cls in sorted(drivers_of(sluis_drivers), key=lambda cls: cls.about.key):
        subject = Subject(cls, load(FRAMES / f"{cls.about.key}.jsonl"))
        work = [(driver, case.frame) for case, driver in subject.decodable if "error" not in case.entry]
        if work:
            ours, floor = cost_us(work), parse_us([frame.data for _, frame in work])
            size = sum(len(frame.data) for _, frame in work) / len(work)
            name = f"{cls.about.key}, {len(work)} frames of {size:.0f} bytes"
            figures.append(Figure(name, ours, "µs/frame", "its JSON alone", ours / floor))
    return figures


def best_of_three_us(once: Callable[[], object], frames: int) -> float:
    """Mean µs per frame of the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        rounds, start = 0, time.perf_counter()
        while time.perf_counter() - start < LONG_S / 3:
            once()
            rounds += 1
        best = min(best, (time.perf_counter() - start) / (rounds * frames) * 1e6)
    return best


def cost_us(work: list[tuple[Driver, Frame]]) -> float:
    return best_of_three_us(lambda: [list(driver.decode(frame)) for driver, frame in work], len(work))


def parse_us(payloads: list[bytes]) -> float:
    """The same frames through the JSON decoder only; what is no JSON costs what its refusal costs."""
    decode = msgspec.json.Decoder().decode

    def once() -> None:
        for payload in payloads:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                decode(payload)

    return best_of_three_us(once, len(payloads))
