"""Inside the guest: the rules that an installation brings, read by udev itself; and the service's user, who has no
right but what they give him."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from tests.guest.inside import tell
from tests.guest.machine import PROJECT

RULES = "60-sluis.rules"
AS_SERVICE = [
    *("setpriv", "--reuid", "sluis", "--regid", "sluis", "--init-groups", "--no-new-privs"),
    *("--bounding-set=-all", "--inh-caps=-all"),
]
RESET = """
import os
from sluis.links.serial.ports import usb_ports
from sluis.links.serial.problem import PortProblem
from sluis.links.serial.reset import reset_usb
[port] = usb_ports()
os.close(os.open(port.device, os.O_RDWR | os.O_NONBLOCK))
try:
    reset_usb(port.reset_path)
    print("reset")
except PortProblem as problem:
    print(problem, problem.hint)
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout.strip()


def owner(path: str) -> str:
    return run("stat", "-c", "%U:%G %a", path)


def as_service(program: str) -> str:
    return run(*AS_SERVICE, sys.executable, "-c", program)


async def seen(device: str) -> None:
    """One adapter is plugged in, as `device`."""
    for home in ("/root", "/root/.pyenv"):
        if Path(home).exists():
            Path(home).chmod(0o755)  # where this machine's Python may be
    run("groupadd", "--system", "sluis")
    run("useradd", "--system", "--gid", "sluis", "--groups", "dialout", "--no-create-home", "sluis")
    Path("/run/udev").mkdir(exist_ok=True)
    await asyncio.to_thread(run, "/lib/systemd/systemd-udevd", "--daemon")
    await asyncio.to_thread(trigger, "add")  # as at a start of the machine
    without = await asyncio.to_thread(as_service, RESET)

    shutil.copy(PROJECT / "packaging" / RULES, Path("/etc/udev/rules.d") / RULES)
    await asyncio.to_thread(run, "udevadm", "control", "--reload")
    await asyncio.to_thread(trigger, "change")  # as `packaging/install` does
    with_rules = await asyncio.to_thread(as_service, RESET)
    await asyncio.to_thread(run, "udevadm", "settle")
    adapter = run("udevadm", "info", "-q", "path", "-n", device).partition("/tty")[0].rpartition("/")[0]
    said = dict(line.split("=", 1) for line in run("udevadm", "info", "-q", "property", "-p", adapter).splitlines())
    tell(
        "rights",
        without=without,
        with_rules=with_rules,
        node=owner(said["DEVNAME"]),
        modems=said.get("ID_MM_DEVICE_IGNORE", ""),
        hub=owner("/dev/bus/usb/001/001"),
        rfkill=owner("/dev/rfkill"),
    )


def trigger(action: str) -> None:
    kinds = [f"--subsystem-match={kind}" for kind in ("usb", "misc", "gpio", "tty")]
    run("udevadm", "trigger", f"--action={action}", *kinds)
    run("udevadm", "settle")
