"""The kernel's radio switch of a Bluetooth adapter: off without asking the controller, which may answer nobody.

Switching the adapter off through bluetoothd has the kernel tell the controller first to stop what it does; when that
is not answered the adapter stays on (Linux 6.1, measured). The radio switch closes it at once; when it is opened again
the controller is reset.

    struct rfkill_event: idx u32, type u8 (2 Bluetooth), op u8 (2 change), soft u8, hard u8   (linux/rfkill.h)
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from sluis.model import LinkError

EVENT = struct.Struct("=IBBBB")
BLUETOOTH, CHANGE = 2, 2


@dataclass(frozen=True, slots=True)
class RadioSwitch:
    """One adapter's."""

    index: int
    file: Path = Path("/dev/rfkill")

    @classmethod
    def of(cls, adapter: str, sys: Path = Path("/sys"), file: Path = Path("/dev/rfkill")) -> RadioSwitch | None:
        """That of `hci0`; None where the kernel has none."""
        for found in sorted((sys / "class" / "bluetooth" / adapter).glob("rfkill*/index")):
            try:
                return cls(int(found.read_text()), file)
            except (OSError, ValueError):
                continue
        return None

    def block(self, blocked: bool) -> None:
        """LinkError when this user may not."""
        try:
            handle = os.open(self.file, os.O_WRONLY)
        except OSError as error:
            raise LinkError(f"{self.file} cannot be opened: {error.strerror}") from error
        try:
            os.write(handle, EVENT.pack(self.index, BLUETOOTH, CHANGE, blocked, 0))
        except OSError as error:
            raise LinkError(f"{self.file} cannot be written: {error.strerror}") from error
        finally:
            os.close(handle)
