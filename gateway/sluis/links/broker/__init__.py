"""Our own mosquitto: found or unpacked, configured, supervised; who may connect and touch which topics."""

from sluis.links.broker.credentials import Account, Credentials
from sluis.links.broker.mosquitto import Mosquitto

__all__ = ["Account", "Credentials", "Mosquitto"]
