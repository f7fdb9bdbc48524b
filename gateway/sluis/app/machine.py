"""What the machine and this process say about themselves (Linux, /proc and /sys)."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path


def resident_bytes() -> int:
    """Resident size of this process now; 0 where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()


def cpu_s() -> float:
    """CPU seconds, user and system, that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def disk(path: Path) -> tuple[int, int]:
    """(free for us, total) bytes of the file system that holds `path`."""
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize


def board() -> str:
    """Board and operating system, for people."""
    model = _text("/proc/device-tree/model") or platform.machine()
    release = dict(
        line.split("=", 1) for line in _text("/etc/os-release").splitlines() if "=" in line and not line.startswith("#")
    )
    return f"{model}, {release.get('PRETTY_NAME', platform.system()).strip(chr(34))}"


THROTTLED = {
    0: "the power supply gives too little voltage now",
    2: "the processor is slowed down now",
    16: "the power supply has given too little voltage since start",
    18: "the processor has been slowed down since start",
}
"""Bits of the Raspberry Pi firmware's throttle word (raspberrypi.com, vcgencmd get_throttled)."""


def power_warnings(root: Path = Path("/")) -> list[str]:
    """What a Raspberry Pi's firmware says about power and heat; nothing on other machines."""
    word = _text(str(root / "sys/devices/platform/soc/soc:firmware/get_throttled"))
    try:
        bits = int(word, 16)
    except ValueError:
        return []
    return [sentence for bit, sentence in THROTTLED.items() if bits >> bit & 1]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
