"""Twins: what each device last reported, what is wished of it, whether it can be reached, how well it is. Pure."""

from sluis.twins.twin import STALE_AFTER, Desired, Reported, Twin

__all__ = ["STALE_AFTER", "Desired", "Reported", "Twin"]
