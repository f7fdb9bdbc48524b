"""A tree of files as the kernel documents them, with the symbolic links that a real `sys` has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEASURED = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
"""Example of Documentation/w1/slaves/w1_therm.rst."""


class Tree:
    """`root/sys`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sys = root / "sys"
        (self.sys / "bus/w1/devices").mkdir(parents=True)
        (self.sys / "bus/iio/devices").mkdir(parents=True)
        (self.sys / "class/hwmon").mkdir(parents=True)

    def thermometer(self, name: str, text: str = MEASURED) -> Path:
        real = self.sys / "devices/w1_bus_master1" / name
        real.mkdir(parents=True)
        (real / "w1_slave").write_text(text)
        (real / "name").write_text(f"{name}\n")
        (self.sys / "bus/w1/devices" / name).symlink_to(real)
        return real

    def iio(self, number: int, below: str, **files: str) -> Path:
        """`/sys/devices/.../i2c-1/1-0076/iio:device0`."""
        real = self.sys / "devices/platform/soc/i2c-1" / below / f"iio:device{number}"
        self._fill(real, files)
        (self.sys / "bus/iio/devices" / real.name).symlink_to(real)
        return real

    def hwmon(self, number: int, below: str = "", **files: str) -> Path:
        """With a `device` below it, or without one as `cpu_thermal` has none of its own."""
        base = self.sys / "devices/platform/soc/i2c-1" / below if below else self.sys / "devices/virtual/thermal"
        real = base / "hwmon" / f"hwmon{number}"
        self._fill(real, files)
        if below:
            (real / "device").symlink_to(base)
        (self.sys / "class/hwmon" / real.name).symlink_to(real)
        return real

    def unplug(self, real: Path) -> None:
        for folder in ("bus/w1/devices", "bus/iio/devices", "class/hwmon"):
            (self.sys / folder / real.name).unlink(missing_ok=True)
        shutil.rmtree(real)

    def _fill(self, folder: Path, files: dict[str, str]) -> None:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text + "\n")


def unreadable(file: Path) -> None:
    """Reading it fails as a sensor that does not answer: the link leads to a file of this process that gives EIO."""
    file.unlink()
    file.symlink_to(f"/proc/{os.getpid()}/mem")
