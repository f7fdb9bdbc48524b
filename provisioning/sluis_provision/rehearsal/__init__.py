"""Rehearsal without hardware: boards that exist only here, on which everything else is real."""

from sluis_provision.rehearsal.board import VirtualBoard
from sluis_provision.rehearsal.esp import VirtualEsp
from sluis_provision.rehearsal.esp_loader import Faults
from sluis_provision.rehearsal.hardware import Hardware, micropython

__all__ = ["Faults", "Hardware", "VirtualBoard", "VirtualEsp", "micropython"]
