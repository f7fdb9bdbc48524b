"""The common forms of value templates, without Jinja.

Most makers write `{{ value_json.temperature }}`, perhaps with a filter or a comparison behind it. Such a template
becomes a handful of Python closures: about twenty times faster, and templates are the hot path. Jinja's own parser
reads the template, so there is no second idea of the syntax. Where a closure meets anything unusual (a missing
parent, a value that cannot be converted) it gives up, and Jinja decides; a property test holds the two equal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import nodes

from sluis.wire.templates import numbers
from sluis.wire.templates.budget import TEXT_MAX

Closure = Callable[[Any, Any], Any]
"""Takes `value` and `value_json`."""

_MISSING: Any = object()
"""What Jinja calls undefined: a key that is not there. Shown as nothing."""


class _GiveUp(Exception):
    """This template, or this payload, is for Jinja."""


_PARSER = jinja2.Environment(autoescape=False)  # noqa: S701  (only parses; output is no HTML)
_METHODS = frozenset(dir(dict))
"""Keys that Jinja takes for methods."""

_CALCULATIONS: dict[type[nodes.Expr], Callable[[Any, Any], Any]] = {
    nodes.Add: operator.add,
    nodes.Sub: operator.sub,
    nodes.Mul: operator.mul,
    nodes.Div: operator.truediv,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_NUMERIC: dict[str, Callable[..., Any]] = {
    "float": numbers.to_float,
    "int": numbers.to_int,
    "round": numbers.to_round,
    "is_number": numbers.is_number,
}
_TEXTUAL: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "trim": str.strip}


def shortcut(source: str) -> Callable[[str | bytes, Any], str | None] | None:
    """A function that renders this template, or None when the template is too special for one.

    That function returns None when the payload is too special.
    """
    if len(source) > 500:
        return None
    try:
        body = _body(_PARSER.parse(source).body)
    except (_GiveUp, jinja2.TemplateError, RecursionError):
        return None

    def render(value: str | bytes, value_json: Any) -> str | None:
        try:
            text: str = body(value, value_json)
        except Exception:
            # Jinja will say what is wrong, if it finds anything wrong.
            return None
        return text.strip() if len(text) <= TEXT_MAX else None

    return render


def _body(statements: list[nodes.Node]) -> Closure:
    parts = [_statement(one) for one in statements]
    if len(parts) == 1:
        return parts[0]
    return lambda value, value_json: "".join([part(value, value_json) for part in parts])


def _statement(node: nodes.Node) -> Closure:
    if isinstance(node, nodes.Output):
        return _output(node)
    if isinstance(node, nodes.If) and not node.elif_:
        test, then, other = _truth(node.test), _body(node.body), _body(node.else_)
        return lambda value, value_json: (then if test(value, value_json) else other)(value, value_json)
    raise _GiveUp


def _output(node: nodes.Output) -> Closure:
    parts = [_shown(one) for one in node.nodes]
    if len(parts) == 1:
        return parts[0]
    return lambda value, value_json: "".join([part(value, value_json) for part in parts])


def _shown(node: nodes.Expr) -> Closure:
    if isinstance(node, nodes.TemplateData):
        data = node.data
        return lambda value, value_json: data
    get = _expression(node)

    def show(value: Any, value_json: Any) -> str:
        found = get(value, value_json)
        if type(found) is str:
            return found
        if found is _MISSING:
            return ""
        if isinstance(found, int | float) or found is None:
            return str(found)
        raise _GiveUp

    return show


def _expression(node: nodes.Node) -> Closure:
    if isinstance(node, nodes.Const):
        constant = node.value
        return lambda value, value_json: constant
    if isinstance(node, nodes.Name):
        return _name(node.name)
    if isinstance(node, nodes.Getattr):
        return _member(_expression(node.node), node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return _member(_expression(node.node), node.arg.value)
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _filtered(node, _expression(node.node))
    if isinstance(node, nodes.CondExpr):
        return _choice(node)
    if isinstance(node, nodes.BinExpr) and type(node) in _CALCULATIONS:
        return _calculation(node)
    if isinstance(node, nodes.Compare | nodes.Not | nodes.Test):
        return _truth(node)
    raise _GiveUp


def _name(name: str) -> Closure:
    if name == "value":
        return lambda value, value_json: value
    if name == "value_json":
        return lambda value, value_json: value_json
    raise _GiveUp


def _member(get: Closure, key: Any) -> Closure:
    if isinstance(key, str) and key not in _METHODS:

        def by_key(value: Any, value_json: Any) -> Any:
            parent = get(value, value_json)
            if type(parent) is not dict:
                raise _GiveUp
            return parent.get(key, _MISSING)

        return by_key
    if isinstance(key, int) and not isinstance(key, bool):

        def by_position(value: Any, value_json: Any) -> Any:
            parent = get(value, value_json)
            if type(parent) is not list:
                raise _GiveUp
            return parent[key]

        return by_position
    raise _GiveUp


def _filtered(node: nodes.Filter, get: Closure) -> Closure:
    if node.kwargs or node.dyn_args or node.dyn_kwargs or not all(isinstance(one, nodes.Const) for one in node.args):
        raise _GiveUp
    args = [one.value for one in node.args if isinstance(one, nodes.Const)]
    if node.name in ("default", "d") and len(args) == 1:
        instead = args[0]

        def default(value: Any, value_json: Any) -> Any:
            found = get(value, value_json)
            return instead if found is _MISSING else found

        return default
    if node.name in _NUMERIC:
        convert = _NUMERIC[node.name]

        def numeric(value: Any, value_json: Any) -> Any:
            found = get(value, value_json)
            if type(found) not in (str, int, float, bool):
                raise _GiveUp
            return convert(found, *args)

        return numeric
    if node.name in _TEXTUAL and not args:
        change = _TEXTUAL[node.name]
        return lambda value, value_json: change(_text(get(value, value_json)))
    raise _GiveUp


def _text(found: Any) -> str:
    if type(found) in (str, int, float, bool):
        return str(found)
    raise _GiveUp


def _choice(node: nodes.CondExpr) -> Closure:
    if node.expr2 is None:
        raise _GiveUp
    test, then, other = _truth(node.test), _expression(node.expr1), _expression(node.expr2)
    return lambda value, value_json: (then if test(value, value_json) else other)(value, value_json)


def _truth(node: nodes.Node) -> Closure:
    if isinstance(node, nodes.Not):
        inner = _truth(node.node)
        return lambda value, value_json: not inner(value, value_json)
    if isinstance(node, nodes.And | nodes.Or):
        return _junction(node)
    if isinstance(node, nodes.Compare):
        return _comparison(node)
    if isinstance(node, nodes.Test):
        return _test(node)
    get = _expression(node)

    def truth(value: Any, value_json: Any) -> bool:
        found = get(value, value_json)
        return found is not _MISSING and bool(found)

    return truth


def _junction(node: nodes.And | nodes.Or) -> Closure:
    left, right = _truth(node.left), _truth(node.right)
    if isinstance(node, nodes.And):
        return lambda value, value_json: left(value, value_json) and right(value, value_json)
    return lambda value, value_json: left(value, value_json) or right(value, value_json)


def _test(node: nodes.Test) -> Closure:
    if node.name not in ("defined", "undefined") or node.args:
        raise _GiveUp
    get, wanted = _expression(node.node), node.name == "undefined"
    return lambda value, value_json: (get(value, value_json) is _MISSING) is wanted


def _comparison(node: nodes.Compare) -> Closure:
    if len(node.ops) != 1:
        raise _GiveUp
    if node.ops[0].op in ("in", "notin"):
        return _membership(node)
    if node.ops[0].op not in _COMPARISONS:
        raise _GiveUp
    compare = _COMPARISONS[node.ops[0].op]
    left, right = _expression(node.expr), _expression(node.ops[0].expr)

    def comparison(value: Any, value_json: Any) -> bool:
        first, second = left(value, value_json), right(value, value_json)
        if first is _MISSING or second is _MISSING:
            raise _GiveUp
        return bool(compare(first, second))

    return comparison


def _membership(node: nodes.Compare) -> Closure:
    key, parent = _expression(node.expr), _expression(node.ops[0].expr)
    wanted = node.ops[0].op == "in"

    def membership(value: Any, value_json: Any) -> bool:
        wanted_key, found = key(value, value_json), parent(value, value_json)
        if type(found) is not dict or type(wanted_key) is not str:
            raise _GiveUp
        return (wanted_key in found) is wanted

    return membership


def _calculation(node: nodes.BinExpr) -> Closure:
    calculate = _CALCULATIONS[type(node)]
    left, right = _expression(node.left), _expression(node.right)

    def calculation(value: Any, value_json: Any) -> Any:
        first, second = left(value, value_json), right(value, value_json)
        if type(first) not in (int, float) or type(second) not in (int, float):
            raise _GiveUp
        if type(first) is int and first.bit_length() > 64:
            raise _GiveUp
        return calculate(first, second)

    return calculation
