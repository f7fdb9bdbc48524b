"""Home Assistant MQTT discovery: reading announcements (`config`) and writing them (`payload`).

Source: Home Assistant 2026.2, documentation "MQTT" (discovery topic, payload, abbreviations, device discovery).
"""

from sluis.wire.ha_discovery.config import CONFIG_FILTERS, NODE_ORIGIN, OUR_ORIGIN, Found, read_announcement

__all__ = ["CONFIG_FILTERS", "NODE_ORIGIN", "OUR_ORIGIN", "Found", "read_announcement"]
