"""What a node is told once, and how it is written to the node."""

from __future__ import annotations

import json
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

    host: str
    port: int
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

    def net_json(self) -> bytes:
        """The node's `/net.json`."""
        return net_json(self.networks, self.place, self.username, self.password)


def net_json(networks: tuple[Network, ...], place: Place, username: str, password: str) -> bytes:
    """Networks in the order in which they are tried, and the broker."""
    said: dict[str, Any] = {
        "networks": [{"ssid": one.ssid, "password": one.password} for one in networks],
        "broker": {
            "host": place.host,
            "port": place.port,
            "username": username,
            "password": password,
            "tls": bool(place.ca_der),
        },
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
