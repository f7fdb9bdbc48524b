"""Settings of the links and of the broker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The gateway's own MQTT connection."""

    name: str = "mqtt"
    """Name of this link, on its page and in device records."""
    host: str = "127.0.0.1"
    """Broker to connect to; the gateway's own broker sets this by itself."""
    port: int = 1883
    """TCP port of that broker."""
    client_id: str = "sluis-gateway"
    """MQTT client id; the broker keeps the session under it, so it must not change."""
    username: str = ""
    """User name at the broker."""
    password_file: Path | None = None
    """File that holds the password (mode 0600)."""
    ca_file: Path | None = None
    """CA certificate to trust instead of the system's; with it the connection is TLS."""
    tls: bool = False
    """Use TLS; set by itself for an `mqtts://` broker and where `ca_file` is given."""
    keepalive_s: int = 15
    """Silence after which the broker is asked whether it is still there."""
    reconnect_cap_s: float = 30.0
    """Longest wait between two tries to connect."""
    send_timeout_s: float = 5.0
    """How long a message may take to reach the broker."""
    max_payload_bytes: int = 262_144
    """Larger messages are counted and not taken in."""
    will_topic: str = "sluis/gateway/status"
    """Retained `online` / `offline` of this gateway; "" for none."""

    def password(self) -> str:
        """The password from its file; "" when there is none."""
        return self.password_file.read_text().strip() if self.password_file else ""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The gateway's own mosquitto, or somebody else's broker."""

    url: str = ""
    """Join this broker (`mqtt://host:1883`, `mqtts://host:8883`) instead of running one; "" runs our own."""
    local_port: int = 1883
    """Loopback port of our own broker, for the gateway and programs on this machine; 0 for any free one."""
    tls_host: str = "0.0.0.0"  # noqa: S104  (devices are on the network; TLS and a password on every connection)
    """Address the TLS listener for devices is bound to."""
    tls_port: int = 8883
    """TLS port for devices; 0 for any free one, -1 for none."""
    plain_host: str = "127.0.0.1"
    """Address of the listener without TLS; set it to the gateway's address on the devices' own network."""
    plain_port: int = -1
    """Port for devices that cannot do TLS (passwords travel readably); 0 for any free one, -1 for none."""
    certificate_port: int = -1
    """TLS port for devices with a certificate of the site CA instead of a password; 0 for any, -1 for none."""
    max_connections: int = 2_000
    """Connections the broker accepts at once."""
    max_packet_bytes: int = 1_048_576
    """Largest message the broker passes on; ten times what a reasonable device sends."""
    max_queued_messages: int = 200_000
    """Messages kept for a client that is away, such as this gateway during an update."""
    save_every_s: int = 60
    """How often the broker writes its sessions and retained messages to disk while running."""
    allow_anonymous: bool = False
    """Let anybody in on the loopback listener. For development only, and said loudly at every start."""


@dataclass(frozen=True, slots=True)
class MdnsSettings:
    """Being found by name on the local network."""

    announce: bool = False
    """Answer to the panel's host name (`sluis.local`) and announce panel and broker by mDNS."""
    browse: bool = False
    """Look for devices that announce themselves by mDNS (ESPHome nodes); they stand among the discovered ones."""
