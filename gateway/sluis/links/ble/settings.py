"""Settings of a BLE link."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ADAPTER = re.compile(r"hci\d+|(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|[a-z][a-z-]+:.+")


@dataclass(frozen=True, slots=True)
class BleSettings:
    """A Bluetooth Low Energy adapter to listen and talk with; one table for each."""

    name: str = "ble"
    """Name of this link, on its page and in device records."""
    adapter: str = "hci0"
    """`hci0`; or the adapter's own address, which stays the same when numbers change; or a Bumble transport
    (`tcp-client:127.0.0.1:9001`) to a controller that is not the kernel's, virtual ones too."""
    scanning: Literal["active", "passive"] = "active"
    """`active` asks advertisers for their scan response (names are often there); `passive` only listens, which
    spares the batteries of some devices and needs a bluetoothd that offers advertisement monitors."""
    connections: int = 3
    """Connections at once. Most adapters hold 5 to 10 at best, and scan less for each."""
    connect_timeout_s: float = 20.0
    """How long connecting to a device may take, waiting for a free connection included."""
    call_timeout_s: float = 10.0
    """How long bluetoothd may take for one request; a silent one would be waited for for ever."""
    idle_s: float = 5.0
    """A connection that nobody uses is closed after so long."""
    silent_after_s: float = 90.0
    """An adapter that used to hear advertisements and hears none for so long is suspect: recovery begins."""
    trial_s: float = 15.0
    """After each step of recovery, how long an advertisement is waited for. At most 20."""
    retry_cap_s: float = 60.0
    """Longest wait between two tries to use an adapter that cannot be used."""
    power_cycle: bool = True
    """Recovery may switch the adapter off and on, and on when it is found off."""
    usb_reset: bool = True
    """Recovery may reset the adapter where it is a USB device (needs write access to its device file)."""

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(f"{self.name!r} is no name for a link")
        if not ADAPTER.fullmatch(self.adapter):
            raise ValueError(f"adapter {self.adapter!r} is neither hci0, nor an address, nor a Bumble transport")
        if self.connections < 1:
            raise ValueError("connections must be at least 1")
        if not 0 < self.trial_s <= 20:
            raise ValueError("trial_s must be above 0 and at most 20")

    @property
    def virtual(self) -> bool:
        """Whether the adapter is reached by Bumble and not by bluetoothd."""
        return re.fullmatch(r"[a-z][a-z-]+:.+", self.adapter) is not None
