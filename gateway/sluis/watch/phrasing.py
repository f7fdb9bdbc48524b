"""Which sentence says what a rule found, and with which parameters."""

from __future__ import annotations

from sluis.model import Point, Value
from sluis.rules import (
    Above,
    Absent,
    Below,
    Change,
    Equals,
    Happens,
    Poor,
    Rule,
    State,
    Stuck,
    Unreachable,
)

Params = dict[str, str | int | float | bool]


def phrase(rule: Rule, state: State, device: str, point: Point | None, name: str) -> tuple[str, Params]:
    """(sentence id, parameters). `device` is its label; `name` what a fact of the house is about."""
    params: Params = {"device": device, "point": label(point), "unit": point.unit if point else "", "name": name}
    if state.memory.value is not None:
        params["value"] = state.memory.value
    if state.memory.detail:
        params["detail"] = state.memory.detail
    match rule.when:
        case Above(limit, _):
            return "above", params | {"limit": limit}
        case Below(limit, _):
            return "below", params | {"limit": limit}
        case Equals(value):
            return "equals", params | {"value": value}
        case Absent(for_s):
            return "absent", params | {"span": for_s}
        case Change(by, within_s, way):
            return {1: "rises", -1: "falls", 0: "changes"}[way], params | {"limit": by, "span": within_s}
        case Stuck(for_s, _):
            return "stuck", params | {"span": for_s}
        case Poor():
            return "poor", params
        case Unreachable(how):
            return how, params
        case Happens(what):
            return what, params


def label(point: Point | None) -> str:
    """What people call a point."""
    if point is None:
        return ""
    return point.name or point.key.replace("_", " ")


def wished(params: Params, wish: Value) -> Params:
    return params | {"wish": wish}
