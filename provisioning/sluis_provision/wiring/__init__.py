"""What is wired to a node: the parts that its firmware knows, its own checks, and what became of a change."""

from sluis_provision.wiring.problem import NoCheck
from sluis_provision.wiring.wiring import Wiring
from sluis_provision.wiring.workshop import Workshop

__all__ = ["NoCheck", "Wiring", "Workshop"]
