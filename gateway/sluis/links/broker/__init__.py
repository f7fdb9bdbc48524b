"""Our own mosquitto: found or unpacked, configured, supervised; who may connect and touch which topics."""

from sluis.links.broker.credentials import Account, Credentials
from sluis.links.broker.joined import joined
from sluis.links.broker.mosquitto import Mosquitto, PortTaken

__all__ = ["Account", "Credentials", "Mosquitto", "PortTaken", "joined"]
