"""docs/tutorial.md: every command in it is run, in order, as a newcomer would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import one_start_at_a_time

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
MAY_FIND_SOMETHING = ("sluis doctor", "sluis links", "sluis alerts")
"""Commands whose exit code 1 is an answer, not a failure."""


def commands(page: Path) -> list[str]:
    """The lines after `$ ` in the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.M | re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def wait_for(path: Path, process: subprocess.Popen[bytes], within_s: float = 40.0) -> None:
    deadline = time.monotonic() + within_s
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    first, *rest = commands(PAGE)
    assert first == "sluis demo"
    assert len(rest) > 15
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment = {name: value for name, value in environment.items() if not name.startswith("SLUIS_")}
    with one_start_at_a_time():
        process = subprocess.Popen(first.split(), cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        wait_for(tmp_path / "var/demo/run/gateway.json", process)
    try:
        wait_for(tmp_path / "var/demo/demo.json", process)
        wait_until_read(tmp_path, environment)
        for line in rest:
            done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, timeout=30)
            allowed = (0, 1) if line.startswith(MAY_FIND_SOMETHING) else (0,)
            assert done.returncode in allowed, f"{line}\n{done.stdout.decode()}{done.stderr.decode()}"
            assert b"Traceback" not in done.stderr, line
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
    assert process.returncode == 0


def wait_until_read(folder: Path, environment: dict[str, str]) -> None:
    """Until the climate sensor has reported for the first time: a person reads the page for longer than that."""
    command = ["sluis", "read", "Office climate/temperature"]
    deadline = time.monotonic() + 30
    while subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.2)
