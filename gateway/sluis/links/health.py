"""What a link and a broker say about themselves, for their page under System."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """Counters since start."""

    name: str
    up: bool
    since_us: int
    """When it came up or was lost, whichever was last."""
    reason: str = ""
    """Why it is down; "" while it is up."""
    received: int = 0
    sent: int = 0
    waiting: int = 0
    """Received, not taken by intake yet."""
    dropped: int = 0
    """Not taken in because they could not be read (a topic that is no text)."""
    oversize: int = 0
    reconnects: int = 0
    last_error: str = ""
    """Why it was lost last time, also after it came back."""
    kind: str = "mqtt"
    address: str = ""
    """Where it leads: `127.0.0.1:1883`, a port's by-path name, an adapter."""
    rung: str = ""
    """The step of the recovery ladder it is on; "" while it is well."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth showing, by the link's own names: counters, slots in use, `mock` for a stand-in of pins."""


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """A broker: our own, or somebody else's that we joined."""

    name: str
    """`mosquitto` or the joined broker's address."""
    up: bool
    since_us: int
    reason: str = ""
    pid: int = 0
    """0 for a broker that is not ours."""
    restarts: int = 0
    version: str = ""
    ports: tuple[int, ...] = ()
