"""The USB device behind a Bluetooth adapter, and how it is reset."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from sluis.model import LinkError

USBDEVFS_RESET = 0x5514
"""`_IO('U', 20)` of linux/usbdevice_fs.h: as if it were unplugged and plugged in, its drivers bound anew."""


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """Where the kernel's device file is."""

    file: Path

    @classmethod
    def behind(cls, adapter: str, sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> UsbDevice | None:
        """The USB device of `hci0`; None for a radio on the board (UART) and for a virtual one.

        Its folder in sysfs is the interface's; the device is the nearest folder above that has a number on a bus.
        """
        link = sys / "class" / "bluetooth" / adapter / "device"
        try:
            folder = link.resolve(strict=True)
        except OSError:
            return None
        for at in (folder, *folder.parents):
            try:
                bus, number = int((at / "busnum").read_text()), int((at / "devnum").read_text())
            except (OSError, ValueError):
                continue
            return cls(dev / "bus" / "usb" / f"{bus:03}" / f"{number:03}")
        return None

    def reset(self) -> None:
        """LinkError when the kernel or the file's rights refuse. Takes some 0.1 s; the adapter comes back by itself."""
        try:
            handle = os.open(self.file, os.O_WRONLY)
        except OSError as error:
            raise LinkError(f"{self.file} cannot be opened: {error.strerror}") from error
        try:
            fcntl.ioctl(handle, USBDEVFS_RESET, 0)
        except OSError as error:
            raise LinkError(f"{self.file} cannot be reset: {error.strerror}") from error
        finally:
            os.close(handle)
