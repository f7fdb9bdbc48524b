"""Telling a device its Wi-Fi network by Improv: ours and others' alike, over a serial port or Bluetooth LE."""

from sluis_provision.enrol.improv.device import Device, node_of
from sluis_provision.enrol.improv.over_air import OverAir, Peer
from sluis_provision.enrol.improv.over_cable import OverCable
from sluis_provision.enrol.improv.telling import tell

__all__ = ["Device", "OverAir", "OverCable", "Peer", "node_of", "tell"]
