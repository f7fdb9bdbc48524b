"""What can be set of the ESPHome link."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EsphomeSettings:
    """ESPHome nodes over their native API. The link is always there; a node is connected once it is adopted."""

    connect_s: float = 20.0
    """How long a node may take to accept a connection and say what it has."""
    reconnect_cap_s: float = 30.0
    """Longest wait between two tries to reach a node. A node that sleeps is awake for seconds: keep it shorter."""
    keep_alive_s: float = 20.0
    """Silence after which a node is asked whether it is still there; 4.5 times that without an answer is a loss."""
