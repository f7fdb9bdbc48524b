"""Devices over TCP and UDP."""

from sluis.links.net.link import NetLink
from sluis.links.net.settings import NetSettings

__all__ = ["NetLink", "NetSettings"]
