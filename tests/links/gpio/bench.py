"""A keeper's process with gpiozero's mock as its pins, and the folder in which the mock shows itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sluis.links.gpio.chip import DRIVE
from sluis.links.gpio.settings import PinSettings


class MockPins:
    """What a person sees and does in the mock's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def level(self, gpio: int) -> float | None:
        """The electric level of a pin; None while nobody has touched it."""
        try:
            return float((self.folder / f"GPIO{gpio}").read_text() or "nan")
        except FileNotFoundError:
            return None

    def drive(self, gpio: int, *levels: int) -> None:
        """Put these levels on an input, one after the other."""
        pipe = os.open(self.folder / DRIVE, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, "".join(f"GPIO{gpio} {level}\n" for level in levels).encode())
        finally:
            os.close(pipe)


class Child:
    """The keeper, spoken to as the link does. Closed by the test."""

    def __init__(self, folder: Path, *pins: PinSettings, hang_s: float = 60.0, **plan: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.pins = MockPins(folder / "mock")
        self.totals = folder / "totals.json"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sluis.links.gpio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
        )
        whole = {
            "factory": "mock",
            "labels": [],
            "mock_dir": str(self.pins.folder),
            "totals": str(self.totals),
            "report_s": 0.05,
            "save_s": 60,
            "hang_s": hang_s,
            "pins": [{**asdict(pin), "hold_us": pin.hold_us} for pin in pins],
        }
        self.say({"plan": whole | plan})

    def say(self, what: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, *keys: str) -> dict[str, Any]:
        """The next message with one of these keys."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if any(key in said for key in keys):
                return said
        assert self.process.stderr is not None
        raise AssertionError(f"it ended: {self.process.stderr.read().decode()[-1500:]}")

    def hear_of(self, gpio: int, **data: Any) -> dict[str, Any]:
        """The next frame of this pin that says this."""
        while True:
            said = self.hear("from")
            if said["from"] == f"GPIO{gpio}" and data.items() <= said["data"].items():
                return said

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        self.process.wait(10)
