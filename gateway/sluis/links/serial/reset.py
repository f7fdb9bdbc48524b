"""Reset a USB adapter, as pulling it out and plugging it in again would."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sluis.links.serial.ports import DEV
from sluis.links.serial.problem import PortProblem

USBDEVFS_RESET = 0x5514
"""ioctl `_IO('U', 20)` of linux/usbdevice_fs.h."""


def reset_usb(adapter: Path, dev: Path = DEV) -> None:
    """Reset the device at this path in sysfs. PortProblem when that is not permitted or not possible."""
    try:
        bus, number = (int((adapter / name).read_text()) for name in ("busnum", "devnum"))
        line = os.open(dev / "bus" / "usb" / f"{bus:03d}" / f"{number:03d}", os.O_WRONLY)
    except (OSError, ValueError) as error:
        _reauthorize(adapter, error)
        return
    try:
        fcntl.ioctl(line, USBDEVFS_RESET, 0)
    except OSError as error:
        _reauthorize(adapter, error)
    finally:
        os.close(line)


def _reauthorize(adapter: Path, before: Exception) -> None:
    """Take the permission to be used from the adapter, and give it back: its drivers let go and start anew."""
    switch = adapter / "authorized"
    try:
        switch.write_text("0")
        switch.write_text("1")
    except OSError as error:
        raise PortProblem(
            "denied",
            f"the adapter cannot be reset: {getattr(before, 'strerror', '') or error.strerror}",
            hint="A udev rule must let the service's user write to the adapter.",
        ) from error
