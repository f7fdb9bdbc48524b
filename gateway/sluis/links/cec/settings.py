"""What can be set of a CEC adapter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CecSettings:
    """One HDMI socket of the gateway, or a USB-CEC adapter. One table for each."""

    name: str
    """Name of this link. The addresses of its devices begin with it: `NAME/0` is the TV."""
    device: str = "/dev/cec0"
    """The kernel's device. A Raspberry Pi has `/dev/cec0` for its first HDMI socket and `/dev/cec1` for the second."""
    osd_name: str = "Sluis"
    """What the display calls us; at most 14 characters."""
    retry_cap_s: float = 30.0
    """Longest wait between two tries to open a device that is not there."""

    def __post_init__(self) -> None:
        if not self.name or any(char in self.name for char in "/+#"):
            raise ValueError("name: some text without / + #")
        if not self.osd_name or len(self.osd_name) > 14 or not self.osd_name.isascii():
            raise ValueError(f"{self.name}: osd_name is 1 to 14 plain characters")
