"""Rules as data, and the pure decider that turns observations into alert transitions."""

from sluis.rules.agreement import agrees, shows_effect
from sluis.rules.builtin import BUILTIN
from sluis.rules.conditions import (
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Happens,
    Poor,
    Stuck,
    Unreachable,
)
from sluis.rules.decider import Phase, State, Transition, due, resumed, step
from sluis.rules.memory import Fact, Heard, Memory, Observation, Reach, Tick
from sluis.rules.rule import Rule, Selector, Severity, Subject

__all__ = [
    "BUILTIN",
    "Above",
    "Absent",
    "Below",
    "Change",
    "Condition",
    "Equals",
    "Fact",
    "Happens",
    "Heard",
    "Memory",
    "Observation",
    "Phase",
    "Poor",
    "Reach",
    "Rule",
    "Selector",
    "Severity",
    "State",
    "Stuck",
    "Subject",
    "Tick",
    "Transition",
    "Unreachable",
    "agrees",
    "due",
    "resumed",
    "shows_effect",
    "step",
]
