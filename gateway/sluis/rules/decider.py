"""The decider: (rule, state, observation, time) -> (state, transition).

Theory of operation. `CLEAR -> PENDING -> OPEN -> CLEAR`. A condition that holds makes a subject pending; once it has
held without a break for the rule's `for_s` an alert opens. A condition that fails ends either. *Cannot tell* (stale,
bad, behind a dead carrier) breaks a pending episode, because time in which nothing is known is not evidence, and
leaves an open one open, because silence is no repair. `due` says when time alone can change something, so that
a service sets one timer instead of asking again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from sluis.rules.memory import Heard, Memory, Observation, remember
from sluis.rules.rule import Rule


class Phase(StrEnum):
    CLEAR = "clear"
    PENDING = "pending"
    """The condition holds, but not yet for long enough."""
    OPEN = "open"


class Transition(StrEnum):
    """What a step did to the alert."""

    NONE = ""
    OPENED = "opened"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class State:
    """Where one rule stands for one subject."""

    memory: Memory = field(default_factory=Memory)
    phase: Phase = Phase.CLEAR
    since_us: int = 0
    """Monotonic µs when this phase began."""
    resumed: bool = False
    """Brought back after a restart and nothing certain since: a pending episode waits for the first evidence instead
    of being broken by not knowing."""

    @classmethod
    def fresh(cls, now_us: int) -> State:
        """A subject nobody watched before."""
        return cls(Memory(began_us=now_us, anchor_us=now_us), since_us=now_us)


def step(rule: Rule, state: State, observation: Observation, now_us: int) -> tuple[State, Transition]:
    """The state after `observation`, and whether the alert opened or cleared. `now_us` never runs backwards."""
    memory = rule.when.note(remember(state.memory, observation, now_us), observation, now_us)
    holds = rule.when.holds(memory, now_us, state.phase is Phase.OPEN)
    waits = state.resumed and holds is None and not isinstance(observation, Heard)
    state = replace(state, memory=memory, resumed=waits)
    if holds is None:
        if state.phase is Phase.PENDING and not waits:
            return replace(state, phase=Phase.CLEAR, since_us=now_us), Transition.NONE
        return state, Transition.NONE
    if not holds:
        return _fail(state, now_us)
    return _hold(rule, state, now_us)


def due(rule: Rule, state: State) -> int | None:
    """Monotonic µs of the next moment at which a `Tick` can change something; None for never."""
    if state.resumed and state.phase is not Phase.CLEAR:
        return None
    moments = [rule.when.due(state.memory, state.phase is not Phase.CLEAR)]
    if state.phase is Phase.PENDING:
        moments.append(state.since_us + int(rule.for_s * 1e6))
    return min((moment for moment in moments if moment is not None), default=None)


def _fail(state: State, now_us: int) -> tuple[State, Transition]:
    if state.phase is Phase.CLEAR:
        return state, Transition.NONE
    was_open = state.phase is Phase.OPEN
    cleared = replace(state, phase=Phase.CLEAR, since_us=now_us)
    return cleared, Transition.CLEARED if was_open else Transition.NONE


def _hold(rule: Rule, state: State, now_us: int) -> tuple[State, Transition]:
    if state.phase is Phase.OPEN:
        return state, Transition.NONE
    if state.phase is Phase.CLEAR:
        state = replace(state, phase=Phase.PENDING, since_us=now_us)
    if now_us >= state.since_us + int(rule.for_s * 1e6):
        return replace(state, phase=Phase.OPEN, since_us=now_us), Transition.OPENED
    return state, Transition.NONE


def resumed(state: State, by_us: int) -> State:
    """The state after a restart: `by_us` is added to all its monotonic times, and nothing in it is fresh any more."""
    held = state.memory
    memory = replace(
        held,
        began_us=held.began_us + by_us,
        seen_us=None if held.seen_us is None else held.seen_us + by_us,
        anchor_us=held.anchor_us + by_us,
        lows=tuple((at + by_us, value) for at, value in held.lows),
        highs=tuple((at + by_us, value) for at, value in held.highs),
        fresh=False,
        quality=None,
        availability=None,
        blocked=False,
        returned=False,
    )
    return replace(state, memory=memory, since_us=state.since_us + by_us, resumed=True)
