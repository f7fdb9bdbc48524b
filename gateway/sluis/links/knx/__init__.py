"""KNX over IP."""

from sluis.links.knx.link import KnxLink
from sluis.links.knx.settings import KnxSettings

__all__ = ["KnxLink", "KnxSettings"]
