"""Commands: checked, one in flight per device, confirmed by what the device reports, proven by what it causes."""

from sluis.control.control import Control
from sluis.control.leases import Leases, NoLeases
from sluis.control.settings import ControlSettings

__all__ = ["Control", "ControlSettings", "Leases", "NoLeases"]
