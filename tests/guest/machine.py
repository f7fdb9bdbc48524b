"""The real thing but for the hardware: Debian's own kernel over this machine's own files, in a guest without KVM.

A test module has a shell script for inside the guest (`guest.sh`: the modules that udev would load, its scenario, and
off) and gets back what the scenario told: one line `RESULT {"step": ..., ...}` for each step. The files of this machine
are there read only, changes stay in memory, and the programs run as root.

Needs the Debian packages qemu-system-x86, busybox-static, kmod and cpio; the kernel's package is downloaded once and
kept in the pytest cache.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "apt-get", "dpkg-deb")
WITHIN_S = 400
"""Longest life of a guest. Without KVM on a busy machine they take one to three minutes."""

MARKS = [pytest.mark.soak, pytest.mark.timeout(WITHIN_S + 200)]
"""For the modules that boot a guest."""

Steps = dict[str, dict[str, Any]]
"""Step -> what the scenario told of it."""


def run_guest(
    request: pytest.FixtureRequest,
    program: Path,
    *,
    needs: Sequence[str] = (),
    memory_mb: int = 1024,
    devices: Sequence[str] = (),
) -> Steps:
    """Boot a guest, run `program` in it, and return what it told. `needs`: commands or files without which the test is
    skipped; `devices`: more arguments for QEMU."""
    missing = [one for one in (*TOOLS, *needs) if shutil.which(one) is None and not Path(one).exists()]
    if platform.machine() != "x86_64" or missing:
        pytest.skip(f"needs an x86-64 Debian with qemu-system-x86, busybox-static, kmod, cpio ({', '.join(missing)})")
    folder = request.config.cache.mkdir("guest")
    subprocess.run(["sh", str(HERE / "build.sh"), str(folder)], check=True, timeout=200)
    console = _boot(folder, program, memory_mb, devices)
    told = [json.loads(line.partition("RESULT ")[2]) for line in console.splitlines() if "RESULT {" in line]
    steps: Steps = {step["step"]: step for step in told}
    assert steps.get("end", {}).get("code") == 0, console[-9_000:]
    return steps


def _boot(folder: Path, program: Path, memory_mb: int, devices: Sequence[str]) -> str:
    """The guest's console, from start to power off."""
    arguments = {"lab.folder": folder, "lab.program": program, "lab.project": PROJECT, "lab.python": sys.executable}
    line = " ".join(["console=ttyS0", "quiet", "panic=-1", *(f"{key}={value}" for key, value in arguments.items())])
    machine = ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(memory_mb)]
    console = ["-nographic", "-no-reboot", "-net", "none", "-monitor", "none", "-serial", "stdio"]
    files = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    kernel = ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd"), "-append", line]
    run = subprocess.run(
        ["qemu-system-x86_64", *machine, *console, "-virtfs", files, *kernel, *devices],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=WITHIN_S,
        check=False,
    )
    return run.stdout.decode(errors="replace")
