"""What can go wrong with a check."""

from __future__ import annotations

from sluis.model import ProvisionError


class NoCheck(ProvisionError):
    """The firmware's own checks do not run here."""

    code = "node.no-check"
    hint = "This installation is damaged, or the machine is out of memory. Look with: sluis doctor"
