"""What can be set of the net link."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetSettings:
    """Devices over TCP and UDP. The link is always there; connections are made when a device is asked."""

    name: str = "net"
    """Name of this link, on its page and in device records."""
    connect_s: float = 5.0
    """How long a device may take to accept a connection."""
    idle_s: float = 10.0
    """A connection that nobody uses is closed after so long: many devices accept only one, and it may be wanted
    elsewhere."""
    reconnect_cap_s: float = 30.0
    """Longest wait between two tries to reach a device that is not there."""
    keep_alive_s: int = 30
    """Silence after which the system asks an open connection whether the device is still there."""
    flood_per_s: int = 500
    """Frames taken from one device in a second; beyond it a TCP device has to wait, and packets of UDP are dropped."""
