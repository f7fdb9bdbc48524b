"""A drop-in driver that hangs on every frame there is, in the whole gateway: the house goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from .conftest import ADOPTED, start_demo, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HANGS = """
from sluis.sdk import *

class Greedy(Driver):
    about = About(key="greedy", vendor="X", models=("1",), match=MqttMatch(("#",)), sources=("here",))
    @classmethod
    def sniff(cls, frame):
        while True: pass
"""


def sluis(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sluis", "--data-dir", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def is_host(process: psutil.Process) -> bool:
    """A host may end (it is made to hang) between being listed and being looked at."""
    try:
        return "sluis.hosted" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def test_the_house_goes_on_beside_a_driver_that_hangs_on_everything(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "drivers"
    folder.mkdir(parents=True)
    (folder / "greedy.py").write_text(HANGS)
    demo = start_demo(tmp_path / "data")
    slowest_s = 0.0
    try:
        with demo.client() as client:

            def got(path: str) -> Any:
                nonlocal slowest_s
                began = time.monotonic()
                answer = client.get(path)
                slowest_s = max(slowest_s, time.monotonic() - began)
                assert answer.status_code == 200, answer.text
                return answer.json()

            def all_online() -> bool:
                items = got("devices")["items"]
                return len(items) >= ADOPTED and all(one["availability"] == "online" for one in items)

            def stays_down() -> bool:
                return any("stays down" in one["fault"] for one in got("drivers"))

            wait_for(all_online, "everything online")
            wait_for(stays_down, "the driver stays down")
            assert slowest_s < 10
        told = sluis(demo.data_dir, "driver", "faults", "--json")
        assert told.returncode == 1, "something failed"
        assert "stays down" in str(json.loads(told.stdout)["put_aside"])
        released = sluis(demo.data_dir, "driver", "release", "greedy.py")
        assert released.returncode == 0 and "tried again" in released.stdout, released.stderr
        assert sluis(demo.data_dir, "driver", "release", "tasmota").returncode == 1, "nothing of it is put aside"
    finally:
        hosts = [one for one in demo.children() if is_host(one)]
        assert demo.stop() == 0
        _, alive = psutil.wait_procs(hosts, timeout=5)
        assert not alive
