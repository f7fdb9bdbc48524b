"""The real thing but for the copper: lgpio and gpiozero on a real /dev/gpiochip, in a guest without KVM.

The guest boots Debian's kernel over this machine's own files, as `tests/links/ble` has it. A USB gadget on the kernel's
dummy controller plays an MCP2221A, the kernel's own driver makes a gpiochip of it, and what is on its pins is the
witness. What happens in it is `vm/scenario.py`. Edges are not among it: this chip has no interrupts.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "vm"
PROJECT = Path(__file__).parents[3]
BUILD = PROJECT / "tests" / "links" / "ble" / "vm" / "build.sh"
TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "apt-get", "dpkg-deb")
WITHIN_S = 300

pytestmark = [pytest.mark.soak, pytest.mark.timeout(WITHIN_S + 200)]


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What the guest told, by step."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if platform.machine() != "x86_64" or missing:
        pytest.skip(f"needs an x86-64 Debian with qemu-system-x86, busybox-static, kmod, cpio ({missing})")
    folder = request.config.cache.mkdir("ble-guest")
    subprocess.run(["sh", str(BUILD), str(folder)], check=True, timeout=200)
    output = boot(folder)
    told = [json.loads(line.partition("RESULT ")[2]) for line in output.splitlines() if "RESULT {" in line]
    found = {step["step"]: step for step in told}
    assert found.get("end", {}).get("code") == 0, output[-6_000:]
    return found


def boot(folder: Path) -> str:
    """The guest's console, from start to power off."""
    arguments = {
        "lab.folder": folder,
        "lab.program": HERE / "guest.sh",
        "lab.project": PROJECT,
        "lab.python": sys.executable,
    }
    line = " ".join(["console=ttyS0", "quiet", "panic=-1", *(f"{key}={value}" for key, value in arguments.items())])
    machine = ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"]
    console = ["-nographic", "-no-reboot", "-net", "none"]
    files = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    kernel = ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd"), "-append", line]
    run = subprocess.run(
        ["qemu-system-x86_64", *machine, *console, "-virtfs", files, *kernel],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=WITHIN_S,
        check=False,
    )
    return run.stdout.decode(errors="replace")


def test_a_chip_is_found_by_its_label(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["found"]["label"] == "mcp2221_gpio"
    assert "is mcp2221_gpio" in steps["not-this"]["reason"]
    assert steps["ready"]["what"] == "/dev/gpiochip0 (mcp2221_gpio)"


def test_an_input_is_read(steps: dict[str, dict[str, Any]]) -> None:
    assert (steps["read"]["direction"], steps["read"]["levels"]) == (1, [0, 1, 0])


def test_a_pin_that_somebody_else_has_is_said_with_his_name(steps: dict[str, dict[str, Any]]) -> None:
    assert "'GPIO busy', it is used by 'lg'" in steps["busy"]["reason"]


def test_outputs_are_safe_when_the_gateway_is_gone_and_stay_outputs(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["driven"]["levels"] == [1, 1]
    assert (steps["gateway-gone"]["levels"], steps["gateway-gone"]["directions"]) == ([0, 0], [0, 0])


def test_what_the_docs_say_of_a_keeper_that_dies(steps: dict[str, dict[str, Any]]) -> None:
    """The line keeps what was last driven, until another keeper starts safe."""
    assert steps["keeper-killed"]["levels"] == [1, 0]
    assert steps["started-again"]["levels"] == [0, 0]
