"""What a node is told once, and how it is written to the node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sluis.model.nodes import Node


@dataclass(frozen=True, slots=True)
class Network:
    """A Wi-Fi network that nodes of this site may join."""

    ssid: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where nodes find the broker, and whom they trust there."""

    hosts: tuple[str, ...]
    """Names and addresses, in the order in which they are tried; at most four."""
    port: int
    server: str = ""
    """The name in the broker's certificate."""
    ca_der: bytes = b""
    """The site CA's certificate; empty where the broker has no TLS."""


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer to enrolling and to rotating: the only place where a node's password is in the clear."""

    node: Node
    password: str = field(repr=False)
    place: Place
    setup_code: str = field(repr=False)
    """For the label (`sluis.wire.setup_code`)."""
    networks: tuple[Network, ...] = ()

    @property
    def username(self) -> str:
        """A node's name at the broker is its id."""
        return self.node.id

    def net(self) -> dict[str, Any]:
        """The node's `/net.json`; `/ca.der` is `place.ca_der`. A node without a clock takes the time of enrolment for
        the least that it can be, so that certificates are judged by something."""
        return {
            "networks": [{"ssid": one.ssid, "password": one.password} for one in self.networks],
            "broker": {
                "hosts": list(self.place.hosts),
                "port": self.place.port,
                "tls": bool(self.place.ca_der),
                "server": self.place.server,
            },
            "name": self.username,
            "password": self.password,
            "enrolled_at": self.node.keyed_at_us // 1_000_000,
        }
