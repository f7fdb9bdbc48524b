"""Types of the node firmware, against MicroPython's stubs of each port: `python tools/firmware_types.py`.

The stubs describe another standard library, so each port's are installed into a folder of their own under var/ and take
typeshed's place there; in the environment they would hide Python's own modules from the checks of the gateway.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PORTS = {"rp2": "micropython-rp2-stubs==1.29.0.post1", "esp32": "micropython-esp32-stubs==1.29.0.post1"}
OPTIONS = (
    "--strict",
    # A part's file is to be short: what it is called with stands in its base class.
    "--allow-untyped-defs",
    "--allow-untyped-calls",
    "--allow-any-generics",
    "--no-warn-return-any",
    "--no-warn-unused-ignores",
)


def stubs(port: str) -> Path:
    """The folder with a port's stubs, filled when it is not there."""
    folder = ROOT / "var" / "stubs" / PORTS[port].replace("==", "-")
    if not (folder / "stdlib").is_dir():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([str(uv), "pip", "install", "-q", "--target", str(folder), PORTS[port]], check=True)  # noqa: S603
    return folder


def check(port: str) -> int:
    """mypy's verdict on the firmware as that port sees it; its exit code."""
    folder = stubs(port)
    files = [
        str(path.relative_to(ROOT))
        for room in ("lib", "boot")
        for path in sorted((ROOT / "firmware" / room).rglob("*.py"))
    ]
    command = [
        *(sys.executable, "-m", "mypy", "--config-file", os.devnull, "--python-version", "3.11", "--no-site-packages"),
        *("--custom-typeshed-dir", str(folder), "--cache-dir", str(ROOT / ".mypy_cache" / port), *OPTIONS, *files),
    ]
    path = os.environ | {"MYPYPATH": f"{folder}:{ROOT / 'firmware' / 'lib'}"}
    found = subprocess.run(command, env=path, text=True, capture_output=True, check=False, cwd=ROOT)  # noqa: S603
    # What mypy thinks of the stubs themselves is not ours to mend.
    wrong = [line for line in found.stdout.splitlines() if line.startswith("firmware/")]
    sys.stdout.write("".join(f"{port}: {line}\n" for line in wrong))
    if found.returncode > 1:
        sys.stderr.write(found.stderr)
        return 2
    return int(any(": error:" in line for line in wrong))


if __name__ == "__main__":
    sys.exit(max(check(port) for port in PORTS))
