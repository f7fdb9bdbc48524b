"""Devices on serial ports: RS-485 pairs with many, lines with one, and ports of serial servers on the network."""

from sluis.links.serial.link import SerialLink
from sluis.links.serial.settings import SerialSettings

__all__ = ["SerialLink", "SerialSettings"]
