"""Tell systemd how we are (sd_notify(3)): ready, alive, stopping."""

from __future__ import annotations

import os
import socket


def sd_notify(text: str) -> bool:
    """Send e.g. `READY=1`; False when no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as pipe:
        try:
            pipe.sendto(text.encode(), address)
        except OSError:
            return False
    return True


def watchdog_every_s() -> float | None:
    """How often systemd wants to hear WATCHDOG=1: half its limit; None when it does not watch."""
    limit_us = os.environ.get("WATCHDOG_USEC", "")
    return int(limit_us) / 2e6 if limit_us.isdigit() and int(limit_us) else None
