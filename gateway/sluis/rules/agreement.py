"""When a reported value is what was wished, and when an independent point shows the effect."""

from __future__ import annotations

from typing import TypeGuard

from sluis.model import Kind, Point, Value

RELATIVE = 0.01
"""Tolerance of a number without a declared step, as a part of the wished value. Devices store numbers in their own
resolution (a dimmer in 254ths, a colour temperature in mireds): smaller than 1 % and such a device never confirms;
larger and a neighbouring setting is taken for the wished one."""

FLOOR = 0.01
"""What counts as *nothing flows* in a proof, as a part of the proof point's range. Smaller and the standby watts of
a switched-off plug look like an effect; larger and a small lamp on a large meter never proves anything."""

FLOOR_UNKNOWN = 1.0
"""The same when the proof point declares no range: one watt, one litre, one unit of whatever it measures."""


def agrees(point: Point, wished: Value, reported: Value) -> bool:
    """Whether `reported` is the wished value: equal, or for numbers within half a step (1 % without a step).

    Half a step and not a whole one: otherwise the setting before would confirm a change by one step.
    """
    if point.kind is Kind.NUMBER and is_number(wished) and is_number(reported):
        tolerance = point.step / 2 if point.step else abs(wished) * RELATIVE
        return abs(reported - wished) <= tolerance + 1e-9
    return type(wished) is type(reported) and wished == reported


def shows_effect(wished: Value, proof: Point, value: Value) -> bool:
    """Whether the proof point shows what a command for `wished` should bring about.

    A contact proves by being in the same state. A quantity (power, flow) proves *on* by being above its floor
    and *off* by being at or under it.
    """
    active = wished not in (False, 0, "off", "closed", "close", "stop", "idle", "standby")
    if isinstance(value, bool):
        return value is active
    if is_number(value):
        span = (proof.maximum - (proof.minimum or 0)) if proof.maximum is not None else None
        floor = (proof.minimum or 0) + (span * FLOOR if span else FLOOR_UNKNOWN)
        return (value > floor) is active
    return type(value) is type(wished) and value == wished


def is_number(value: Value | None) -> TypeGuard[int | float]:
    """A real number; a bool is none, although Python says so."""
    return isinstance(value, int | float) and not isinstance(value, bool)
