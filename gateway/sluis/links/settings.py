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
    """CA certificate to trust; with it the connection is TLS."""
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
