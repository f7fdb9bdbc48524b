"""What a node believes of signed documents: the vectors that the gateway is held to, on both interpreters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firmware.vm import LIB, micropython

HERE = Path(__file__).parent
VECTORS = [HERE.parent / "vectors" / f"{name}.json" for name in ("manifest", "trust")]


@pytest.mark.parametrize("interpreter", ["python", "micropython"])
def test_the_node_takes_and_refuses_what_the_gateway_does(interpreter: str) -> None:
    script = [str(HERE / "replay_releases.py"), *map(str, VECTORS)]
    command = [sys.executable] if interpreter == "python" else [micropython(), "-X", "heapsize=1M"]
    paths = {"PYTHONPATH": str(LIB), "MICROPYPATH": f".frozen:{LIB}"}
    ended = subprocess.run(
        [*command, *script], env=os.environ | paths, capture_output=True, text=True, check=False, timeout=120
    )
    count = sum(len(json.loads(path.read_text())["cases"]) for path in VECTORS)
    assert ended.stdout == f"replayed {count}\n", ended.stdout + ended.stderr
