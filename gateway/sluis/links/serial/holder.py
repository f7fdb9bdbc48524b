"""Who has a port open: the name of the program, so that a person knows what to stop."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
PTYS = "/dev/pts/"


def holder(device: str, proc: Path = PROC) -> str:
    """`minicom (process 123)`; "" when no other process is seen to have it. Other users' processes are seen only by
    the lock they hold. A pseudo terminal is open in the program that made it, so there only a lock counts."""
    try:
        real = os.path.realpath(device)
        status = Path(real).stat()
    except OSError:
        return ""
    pid = _locker(status, proc) or (0 if real.startswith(PTYS) else _opener(real, proc))
    return f"{_name(pid, proc)} (process {pid})" if pid else ""


def _locker(status: os.stat_result, proc: Path) -> int:
    """The process with a lock on it (/proc/locks: `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE ...`)."""
    wanted = (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)
    try:
        lines = (proc / "locks").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[4].isdigit():
            major, minor, inode = words[5].split(":")
            if (int(major, 16), int(minor, 16), int(inode)) == wanted and int(words[4]) != os.getpid():
                return int(words[4])
    return 0


def _opener(real: str, proc: Path) -> int:
    """A process that has it open, among those that may be looked at."""
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if any(str(entry.readlink()) == real for entry in (folder / "fd").iterdir()):
                return int(folder.name)
        except OSError:
            continue
    return 0


def _name(pid: int, proc: Path) -> str:
    try:
        return (proc / str(pid) / "comm").read_text().strip() or "a program"
    except OSError:
        return "a program"
