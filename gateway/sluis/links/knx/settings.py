"""What can be set of a KNX link."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnxSettings:
    """One KNX/IP interface or router."""

    name: str = "knx"
    """What the link is called; addresses begin with it."""
    host: str = ""
    """Address of the KNX/IP interface; not used for routing."""
    port: int = 3671
    """Its port; with routing, that of the multicast group."""
    connection: str = "tunnel"
    """`tunnel` (UDP), `tunnel-tcp` (tunnelling version 2) or `routing` (multicast through a KNX/IP router)."""
    local_ip: str = ""
    """This machine's address towards the KNX network; "" for the one that leads there."""
    multicast_group: str = "224.0.23.12"
    """Group of the routing multicast."""
    individual_address: str = ""
    """With routing, the address this gateway sends from, such as `15.15.250`; it must be free on the line."""
    telegrams_per_s: float = 20.0
    """Telegrams sent per second at most. A twisted pair carries some 40; leave the others room."""
    connect_s: float = 10.0
    """How long the interface may take to grant a connection."""
    reconnect_cap_s: float = 30.0
    """Longest wait between two tries. Many interfaces have four tunnels or fewer and free a lost one after 120 s."""
