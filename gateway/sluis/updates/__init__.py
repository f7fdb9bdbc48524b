"""Updates carried out: what `fleet` decides is done to devices, and what they say goes back to it."""

from sluis.updates.ports import Carrier, Keeper, Reply, Site
from sluis.updates.rollouts import NoRollout, NothingToDo, Rollouts, Wish

__all__ = ["Carrier", "Keeper", "NoRollout", "NothingToDo", "Reply", "Rollouts", "Site", "Wish"]
