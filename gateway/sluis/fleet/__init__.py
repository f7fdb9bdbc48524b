"""Rollouts: who gets which release when, and when to stop. Pure: it is told what happens, and says what to do."""

from sluis.fleet.events import Answer, Asked, Event, Seen, Superseded, Tick, Told
from sluis.fleet.forecast import Forecast, forecast, planned
from sluis.fleet.plan import WAVES, Criteria, Limits, Plan, Promise, Window, in_waves
from sluis.fleet.rollout import Member, Order, Phase, Rollout, Step, Wish, begin, step
from sluis.fleet.target import Bounds, Release, Selection, Target, preflight

__all__ = [
    "WAVES",
    "Answer",
    "Asked",
    "Bounds",
    "Criteria",
    "Event",
    "Forecast",
    "Limits",
    "Member",
    "Order",
    "Phase",
    "Plan",
    "Promise",
    "Release",
    "Rollout",
    "Seen",
    "Selection",
    "Step",
    "Superseded",
    "Target",
    "Tick",
    "Told",
    "Window",
    "Wish",
    "begin",
    "forecast",
    "in_waves",
    "planned",
    "preflight",
    "step",
]
