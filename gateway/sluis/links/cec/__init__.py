"""HDMI-CEC: the wire in an HDMI cable over which displays and players switch each other."""

from sluis.links.cec.link import CecLink
from sluis.links.cec.settings import CecSettings

__all__ = ["CecLink", "CecSettings"]
