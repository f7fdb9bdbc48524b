"""Settings of what is told upstream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HomeAssistantSettings:
    """Adopted devices published for Home Assistant by MQTT discovery."""

    enabled: bool = True
    """Whether devices are published; when switched off, what was published is withdrawn at the next start."""
    prefix: str = "homeassistant"
    """Home Assistant's discovery prefix."""
    status_topic: str = "homeassistant/status"
    """Where Home Assistant says `online` when it has started; everything is published again then."""
    node: str = "sluis"
    """Name of this gateway in identifiers; must differ where two gateways serve one Home Assistant."""
    topic: str = "sluis/ha"
    """States, availability and commands go under this topic."""
    device_form: bool = False
    """One discovery message per device instead of one per entity; Home Assistant 2024.11 or newer."""
    skip_drivers: tuple[str, ...] = ("homeassistant-mqtt",)
    """Devices of these drivers are not published: they already announce themselves to Home Assistant."""

    @property
    def gateway_status_topic(self) -> str:
        """The will of the link that publishes."""
        return f"{self.topic}/status"
