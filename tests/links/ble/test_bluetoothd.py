"""The real thing but for the antenna: Linux's own HCI, bluetoothd and bleak's BlueZ backend, in a guest without KVM.

The guest boots Debian's kernel over this machine's own files; its controller is Bumble's behind the kernel's vhci. What
happens in it is `vm/scenario.py`. Needs the Debian packages qemu-system-x86, busybox-static, kmod, cpio, bluez, dbus;
the kernel's package is downloaded once and kept in the pytest cache.
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
TOOLS = ("qemu-system-x86_64", "busybox", "cpio", "depmod", "dbus-daemon", "apt-get", "dpkg-deb")
WITHIN_S = 400

pytestmark = [pytest.mark.soak, pytest.mark.timeout(WITHIN_S + 200)]


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the guest told, by step."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if platform.machine() != "x86_64" or missing or not Path("/usr/libexec/bluetooth/bluetoothd").exists():
        pytest.skip(f"needs an x86-64 Debian with qemu-system-x86, busybox-static, kmod, cpio, bluez, dbus ({missing})")
    folder = request.config.cache.mkdir("ble-guest")
    subprocess.run(["sh", str(HERE / "build.sh"), str(folder)], check=True, timeout=200)
    output = boot(folder)
    (tmp_path_factory.mktemp("guest") / "console.log").write_text(output)
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
    machine = ["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1536", "-nographic", "-no-reboot", "-net", "none"]
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
    return run.stdout.decode(errors="replace")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("no-dbus", "there is no D-Bus here"),
        ("no-daemon", "bluetoothd does not run"),
        ("no-adapter", "there is no such Bluetooth adapter"),
        ("daemon-silent", "bluetoothd does not answer"),
    ],
)
def test_what_is_missing_is_said_and_waited_for(steps: dict[str, dict[str, Any]], step: str, said: str) -> None:
    assert said in steps[step]["reason"]


def test_a_sensor_is_heard_read_and_notifies_through_bluetoothd(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["heard"]["rssi"] == -50
    assert steps["read"]["level"] == 84
    assert steps["notified"]["level"] == 77


def test_an_adapter_that_was_switched_off_is_switched_on(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["powered-off"]["cured"]


def test_a_mute_controller_climbs_the_ladder_until_it_is_reset(steps: dict[str, dict[str, Any]]) -> None:
    told = [(rung, healed) for rung, healed, _ in steps["mute"]["steps"]]
    assert told == [("rescan", False), ("reopen", False), ("power-cycle", False), ("rfkill", True)]
    assert steps["mute"]["reset"]


def test_a_daemon_that_died_is_found_again(steps: dict[str, dict[str, Any]]) -> None:
    assert "daemon-restarted" in steps


def test_an_adapter_by_its_address_scans_actively_and_passively(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["active"]["adapter"].count(":") == 5
    assert steps["passive"]["adapter"] == steps["active"]["adapter"]


def test_nothing_waits_for_a_daemon_for_ever(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["daemon-silent"]["abandoned"] == 0
    assert steps["stopped"]["for_s"] < 10
    assert not steps["stopped"]["scanning"]
