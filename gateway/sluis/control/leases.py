"""The seam for leases: the right of one holder to drive a point until a deadline."""

from __future__ import annotations

from typing import Protocol

from sluis.model import Actor, Point


class Leases(Protocol):
    """Asked for every command, before it is accepted and again before it is sent."""

    def check(self, device: str, point: Point, actor: Actor, now_us: int) -> None:
        """LeaseHeld, naming the holder and until when, when somebody else holds the point."""


class NoLeases:
    """Nobody holds anything: every permitted command goes through."""

    def check(self, device: str, point: Point, actor: Actor, now_us: int) -> None:
        return None
