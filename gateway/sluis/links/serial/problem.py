"""Why a port is not open."""

from __future__ import annotations

from typing import Literal

from sluis.model import LinkError

State = Literal["missing", "ambiguous", "swapped", "busy", "denied", "failed"]
"""`missing`: not plugged in. `ambiguous`: several adapters fit. `swapped`: another adapter is where ours was. `busy`:
another program has it. `denied`: not permitted. `failed`: everything else, the one state that a reset may cure."""


class PortProblem(LinkError):
    """The port cannot be had."""

    def __init__(self, state: State, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.state: State = state
