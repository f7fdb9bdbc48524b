"""A real CEC wire: the kernel's vivid driver and the TV of the kernel's own CEC people, in a guest without KVM.

The guest is that of `tests/links/ble/vm` (Debian's kernel over this machine's own files) with another program in it:
`vm/scenario.py`. Needs the Debian packages qemu-system-x86, busybox-static, kmod, cpio and v4l-utils.
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
TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "apt-get", "dpkg-deb", "cec-ctl", "cec-follower")
WITHIN_S = 300

pytestmark = [pytest.mark.soak, pytest.mark.timeout(WITHIN_S + 200)]


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What the guest told, by step."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if platform.machine() != "x86_64" or missing or not BUILD.exists():
        pytest.skip(f"needs an x86-64 Debian with qemu-system-x86, busybox-static, kmod, cpio, v4l-utils ({missing})")
    folder = request.config.cache.mkdir("ble-guest")
    subprocess.run(["sh", str(BUILD), str(folder)], check=True, timeout=200)
    arguments = {
        "lab.folder": folder,
        "lab.program": HERE / "guest.sh",
        "lab.project": PROJECT,
        "lab.python": sys.executable,
    }
    line = " ".join(["console=ttyS0", "quiet", "panic=-1", *(f"{key}={value}" for key, value in arguments.items())])
    machine = ["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024", "-nographic", "-no-reboot", "-net", "none"]
    files = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    kernel = ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd"), "-append", line]
    run = subprocess.run(
        ["qemu-system-x86_64", *machine, "-virtfs", files, *kernel],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=WITHIN_S,
        check=False,
    )
    output = run.stdout.decode(errors="replace")
    told = [json.loads(line.partition("RESULT ")[2]) for line in output.splitlines() if "RESULT {" in line]
    found = {step["step"]: step for step in told}
    assert found.get("end", {}).get("code") == 0, output[-6_000:]
    return found


def test_the_link_has_an_address_as_a_player(steps: dict[str, dict[str, Any]]) -> None:
    assert (steps["up"]["driver"], steps["up"]["own_address"]) == ("vivid", 4)


def test_the_tv_is_read_and_known(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["known"]["values"]["power_state"] == "on"
    assert steps["known"]["told"] == {"name": "Beamer", "vendor": "Sony"}


def test_it_is_switched_off_and_on_and_says_where_it_is_on_that_way(steps: dict[str, dict[str, Any]]) -> None:
    off, on = steps["power-False"], steps["power-True"]
    assert (off["stage"], off["values"]["power"]) == ("done", False)
    assert off["values"]["power_state"] in ("off", "cooling")
    assert (on["stage"], on["values"]["power"]) == ("done", True)
    assert on["values"]["power_state"] in ("on", "warming")
    assert steps["show-us"]["stage"] == "done"


def test_others_learn_our_name_and_that_we_are_on(steps: dict[str, dict[str, Any]]) -> None:
    assert "name: Sluis" in steps["we-answer"]["said"]
    assert "pwr-state: on" in steps["we-answer"]["said"]


def test_a_command_to_nobody_fails_and_says_so(steps: dict[str, dict[str, Any]]) -> None:
    assert (steps["nobody-there"]["stage"], steps["nobody-there"]["detail"]) == ("failed", "screen/5: nobody is there")
