"""What a frame costs a driver: µs per `decode`, over the frames of tests/devices/frames that decode.

python -m bench.decode
"""

from __future__ import annotations

import time
from pathlib import Path

import sluis_drivers
from sluis.model import Frame
from sluis.sdk import Driver
from sluis.sdk.loading import drivers_of
from sluis.sdk.testing import load
from sluis.sdk.testing.conformance import Subject

FRAMES = Path(__file__).parents[1] / "tests" / "devices" / "frames"
LONG_S = 0.3


def cost_us(work: list[tuple[Driver, Frame]]) -> float:
    """Mean µs per frame, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        rounds, start = 0, time.perf_counter()
        while time.perf_counter() - start < LONG_S / 3:
            for driver, frame in work:
                list(driver.decode(frame))
            rounds += 1
        best = min(best, (time.perf_counter() - start) / (rounds * len(work)) * 1e6)
    return best


def main() -> None:
    print(f"{'driver':20} {'frames':>6} {'bytes':>6} {'µs/frame':>9}")
    for cls in sorted(drivers_of(sluis_drivers), key=lambda cls: cls.about.key):
        subject = Subject(cls, load(FRAMES / f"{cls.about.key}.jsonl"))
        work = [(driver, case.frame) for case, driver in subject.decodable if "error" not in case.entry]
        if work:
            size = sum(len(frame.data) for _, frame in work) / len(work)
            print(f"{cls.about.key:20} {len(work):6} {size:6.0f} {cost_us(work):9.2f}")


if __name__ == "__main__":
    main()
