"""What the gateway tells the world above it."""

from sluis.upstream.homeassistant import HomeAssistant
from sluis.upstream.settings import HomeAssistantSettings

__all__ = ["HomeAssistant", "HomeAssistantSettings"]
