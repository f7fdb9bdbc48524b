"""Checks of the machine: clock, memory, disk, power, card. Each reads files below `place.root` only."""

from __future__ import annotations

import ctypes
import os
import platform
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from sluis.cli.doctor.finding import Finding, Place, note, ok, wrong

SQLITE_MIN = (3, 37)
"""STRICT tables came with SQLite 3.37; Debian 12 has 3.40."""
DISK_FREE_WRONG = 200e6
"""Bytes free. The store stops acknowledging when its reserve is used; this leaves days to act, not minutes."""
DISK_FREE_NOTE = 1e9
MEMORY_FREE_WRONG = 60e6
"""Bytes available. Less and the kernel starts killing processes on a 512 MB board."""
WEAR_NOTE = 7
"""Tenths of its life an eMMC has used (JEDEC EMMC 5.1, DEVICE_LIFE_TIME_EST): from 70 % on, plan a new one."""
WEAR_WRONG = 9
STA_UNSYNC = 0x0040
FIRST_YEAR = 2026
"""No clock can be right that is before this release."""

POWER_NOW = {
    0: "under-voltage",
    1: "the processor is held back",
    2: "the processor is slowed down",
    3: "the processor is too hot",
}
POWER_SINCE = {
    16: "under-voltage",
    17: "the processor was held back",
    18: "the processor was slowed down",
    19: "the processor was too hot",
}


def python_version(place: Place) -> Iterable[Finding]:
    have = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield ok("Python", have)
    else:
        yield wrong(
            "Python", f"version {have}", "Sluis is tested on 3.11 to 3.13.", "Install a Python of these versions."
        )


def sqlite_version(place: Place) -> Iterable[Finding]:
    have = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info[:2] >= SQLITE_MIN:
        yield ok("SQLite", have)
    else:
        yield wrong(
            "SQLite",
            f"version {have}",
            "The database needs 3.37 or later.",
            "Use the system's Python, or a newer Debian.",
        )


def clock(place: Place) -> Iterable[Finding]:
    """Is the year possible, and does the kernel call the clock synchronised?"""
    year = datetime.fromtimestamp(place.now_s, UTC).year
    if not FIRST_YEAR <= year <= FIRST_YEAR + 40:
        why = "Readings get wrong dates, and certificates look expired."
        yield wrong(
            "Clock",
            f"says it is {year}",
            why,
            "Connect to the network once, or set it: sudo date -s '2026-11-24 12:00'",
        )
        return
    if synchronised(place):
        yield ok("Clock", "synchronised")
        return
    why = "Without a time server the clock drifts, and a Raspberry Pi starts in the past after a power cut."
    yield note(
        "Clock",
        "not synchronised with a time server",
        why,
        "sudo timedatectl set-ntp true, or fit a battery-backed clock.",
    )


def synchronised(place: Place) -> bool:
    """systemd-timesyncd's own mark, or the kernel's word (adjtimex(2)) for any other time daemon."""
    if place.path("/run/systemd/timesync/synchronized").exists():
        return True
    if not place.real:
        return False
    buffer = (ctypes.c_int * 128)()
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return False
    status_word = 10 if ctypes.sizeof(ctypes.c_long) == 8 else 5
    return state >= 0 and not buffer[status_word] & STA_UNSYNC


def memory(place: Place) -> Iterable[Finding]:
    lines = dict(line.split(":", 1) for line in place.text("/proc/meminfo").splitlines() if ":" in line)
    try:
        total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError, IndexError):
        yield note("Memory", "the system does not say")
        return
    said = f"{free / 1e6:.0f} MB of {total / 1e6:.0f} MB available"
    if free < MEMORY_FREE_WRONG:
        yield wrong(
            "Memory",
            said,
            "When it is used up the kernel kills processes.",
            "See what uses it: ps aux --sort=-rss | head",
        )
    else:
        yield ok("Memory", said)


def disk(place: Place) -> Iterable[Finding]:
    folder = next((each for each in (place.data_dir, *place.data_dir.parents) if each.exists()), place.root)
    stat = os.statvfs(folder)
    free, total = stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize
    said = f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB free at {folder}"
    why = "On a full disk the gateway stops acknowledging, and devices keep their messages until they cannot."
    todo = "Delete old backups and logs, or shorten the retention (settings, store)."
    if free < DISK_FREE_WRONG:
        yield wrong("Disk", said, why, todo)
    elif free < DISK_FREE_NOTE:
        yield note("Disk", said, why, todo)
    else:
        yield ok("Disk", said)
    if stat.f_files and stat.f_favail < 1000:
        yield wrong(
            "Disk",
            f"only {stat.f_favail} inodes free",
            "No new files can be made.",
            "Find folders with very many files.",
        )


def power(place: Place) -> Iterable[Finding]:
    """A Raspberry Pi's firmware tells of under-voltage and throttling (raspberrypi.com: vcgencmd, get_throttled)."""
    word = place.text("/sys/devices/platform/soc/soc:firmware/get_throttled") or place.text(
        "/sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    )
    alarm = any(place.text(f"/sys/class/hwmon/{name}/in0_lcrit_alarm") == "1" for name in volt_sensors(place))
    try:
        bits = int(word, 16)
    except ValueError:
        bits = 0
        if not alarm:
            if "Raspberry Pi" in place.text("/proc/device-tree/model"):
                yield note("Power", "the firmware does not say", "", "Try: vcgencmd get_throttled")
            return
    now = [said for bit, said in POWER_NOW.items() if bits >> bit & 1] + (
        ["under-voltage"] if alarm and not bits & 1 else []
    )
    since = [said for bit, said in POWER_SINCE.items() if bits >> bit & 1]
    why = "Too little voltage corrupts SD cards and resets USB sticks; heat slows everything down."
    todo = "Use the official power supply and a short cable; give it air."
    if now:
        yield wrong("Power", " and ".join(now) + " now", why, todo)
    elif since:
        yield note("Power", " and ".join(since) + " since start", why, todo)
    else:
        yield ok("Power", "no under-voltage, no throttling")


def volt_sensors(place: Place) -> list[str]:
    folder = place.path("/sys/class/hwmon")
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [each.name for each in found if place.text(f"/sys/class/hwmon/{each.name}/name") == "rpi_volt"]


def card(place: Place) -> Iterable[Finding]:
    """What the card tells of its wear: an eMMC does (JEDEC), a plain SD card does not."""
    folder = place.path("/sys/block")
    names = sorted(each.name for each in folder.iterdir() if each.name.startswith("mmcblk")) if folder.is_dir() else []
    for name in (each for each in names if "boot" not in each and "rpmb" not in each):
        yield worn(name, place)


def worn(name: str, place: Place) -> Finding:
    base = f"/sys/block/{name}/device"
    kind = place.text(f"{base}/name") or place.text(f"{base}/type") or "card"
    steps = [int(word, 16) for word in place.text(f"{base}/life_time").split() if word.startswith("0x")]
    urgent = place.text(f"{base}/pre_eol_info")
    if not any(steps):
        return note(
            "Card",
            f"{name} ({kind}) does not tell its wear",
            "Plain SD cards have no wear counter.",
            "See the estimate: sluis storage budget",
        )
    used, said = max(steps), f"{name} ({kind}) has used {(max(steps) - 1) * 10} to {max(steps) * 10} % of its life"
    why, todo = "A worn card turns read-only or forgets.", "Make a backup, then replace it."
    if used > WEAR_WRONG or urgent in ("0x03", "0x3"):
        return wrong("Card", said, why, todo)
    if used > WEAR_NOTE or urgent in ("0x02", "0x2"):
        return note("Card", said, why, "Plan a replacement.")
    return ok("Card", said)


def board(place: Place) -> Iterable[Finding]:
    model = place.text("/proc/device-tree/model") or (platform.machine() if place.real else "unknown board")
    yield ok("Board", model)
