"""Rehearsal without hardware: boards that exist only here, on which everything else is real."""

from sluis_provision.rehearsal.board import VirtualBoard, micropython

__all__ = ["VirtualBoard", "micropython"]
