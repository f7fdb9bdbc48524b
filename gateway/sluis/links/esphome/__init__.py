"""ESPHome nodes over their native API."""

from sluis.links.esphome.link import EsphomeLink
from sluis.links.esphome.settings import EsphomeSettings

__all__ = ["EsphomeLink", "EsphomeSettings"]
