"""Rehearsal without hardware: boards that exist only here, on which everything else is real."""

from sluis_provision.rehearsal.board import VirtualBoard
from sluis_provision.rehearsal.bootsel import DriveFaults
from sluis_provision.rehearsal.esp import VirtualEsp
from sluis_provision.rehearsal.esp_loader import Faults
from sluis_provision.rehearsal.hardware import Hardware, micropython
from sluis_provision.rehearsal.pico import VirtualPico

__all__ = ["DriveFaults", "Faults", "Hardware", "VirtualBoard", "VirtualEsp", "VirtualPico", "micropython"]
