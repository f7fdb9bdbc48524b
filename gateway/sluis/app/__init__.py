"""The composition root. `run` brings a gateway up from its settings."""

from sluis.app.config import Settings, load
from sluis.app.gateway import Gateway, Running, run

__all__ = ["Gateway", "Running", "Settings", "load", "run"]
