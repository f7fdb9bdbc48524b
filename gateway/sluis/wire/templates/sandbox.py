"""Compiles a template after looking at every part of it, into a sandbox where every operation pays.

What is refused at compile time: including or inheriting, macros and recursive loops, captured blocks, names of
filters, tests and functions that are not known, more than `NODES_MAX` parts, loops more than `DEPTH_MAX` deep.
What is put in: a price before each turn of a loop, each list or dictionary written out, each `~`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from sluis.wire.templates import times
from sluis.wire.templates.budget import (
    CURRENT,
    NUMBER_BITS_MAX,
    Budget,
    TemplateFailed,
    TooMuch,
    check_text,
    pay,
    weigh,
)
from sluis.wire.templates.functions import (
    FILTERS,
    GLOBALS,
    TESTS,
    MakeDict,
    check_fields,
    old_style,
    weigh_shown,
    words,
)

SOURCE_MAX = 8_192
"""Characters of a template. Zigbee2MQTT's longest has 1,500."""

NODES_MAX = 1_000
"""Parts of a template. Zigbee2MQTT's longest has some 250."""

DEPTH_MAX = 3
"""Loops inside loops."""

_REFUSED = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.AssignBlock,
    nodes.OverlayScope,
)

_TEXT_METHODS = frozenset(
    words(
        "capitalize casefold center count encode endswith find format index isalnum isalpha isascii isdecimal isdigit "
        "islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix "
        "replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper "
        "zfill"
    )
)
_METHODS: dict[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    bytes: frozenset(("decode", "hex", "count", "find", "index", "startswith", "endswith")),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
    int: frozenset(("bit_length",)),
    float: frozenset(("is_integer",)),
    MakeDict: frozenset(("from_keys",)),
    timedelta: frozenset(("days", "seconds", "microseconds", "total_seconds")),
}
_MOMENT = frozenset(
    words(
        "year month day hour minute second microsecond tzinfo date time timestamp isoformat weekday isoweekday "
        "isocalendar strftime timetuple astimezone"
    )
)


class Sandbox(ImmutableSandboxedEnvironment):
    """One for all templates; it keeps nothing of them."""

    intercepted_binops = frozenset(("*", "**", "+", "-", "/", "//", "%"))

    def __init__(self) -> None:
        super().__init__(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"], optimized=False)
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)
        self.globals = dict(GLOBALS)
        self.finalize = _shown

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr.startswith("_"):
            return False
        if isinstance(obj, Namespace | LoopContext):
            return True
        if isinstance(obj, datetime | date | time):
            return attr in _MOMENT
        return any(attr in names for kind, names in _METHODS.items() if isinstance(obj, kind))

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        pay(*args, *kwargs.values())
        subject = getattr(__obj, "__self__", None)
        if isinstance(subject, str | bytes | date | time):
            _check_method(subject, getattr(__obj, "__name__", ""), args, kwargs)
        result = super().call(__context, __obj, *args, **kwargs)
        CURRENT.get().spend(weigh(result))
        return result

    def wrap_str_format(self, value: Any) -> Any:
        """`format` of a text, without widths that only serve to waste memory."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def checked_format(*args: Any, **kwargs: Any) -> Any:
            _check_method(value.__self__, value.__name__, args, kwargs)
            return wrapped(*args, **kwargs)

        return checked_format

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        pay(left, right)
        if operator == "%" and isinstance(left, str):
            return old_style(left, right)
        if operator in ("*", "**"):
            _check_product(operator, left, right)
        elif operator == "+" and isinstance(left, str | bytes):
            check_text(len(left) + (len(right) if isinstance(right, str | bytes) else 0))
        result = super().call_binop(context, operator, left, right)
        CURRENT.get().spend(weigh(result))
        return result


def _shown(value: Any) -> Any:
    """Before a value is written to the output."""
    if isinstance(value, str):
        check_text(len(value))
    elif isinstance(value, list | tuple | dict | set):
        pay(value)
        check_text(weigh_shown(value))
    return value


def _check_product(operator: str, left: Any, right: Any) -> None:
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        raise TooMuch(f"only numbers can be used with {operator}")
    if isinstance(left, float) or isinstance(right, float):
        return
    bits = left.bit_length() * (right if operator == "**" else 1) + (right.bit_length() if operator == "*" else 0)
    if bits > NUMBER_BITS_MAX:
        raise TooMuch("a number in the template is too large")


def _check_method(subject: Any, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Before a method is called that can make a longer text."""
    pay(subject)
    if name == "strftime" and args:
        times.checked_format(args[0])
    elif name == "format":
        check_fields(subject)
        check_text(len(subject) + (1 + subject.count("{")) * sum(map(weigh_shown, (*args, *kwargs.values()))))
    elif name in ("center", "ljust", "rjust", "zfill"):
        if not args or not isinstance(args[0], int) or args[0] > 255:
            raise TooMuch(f"{name} asks for too great a width")
    elif name == "replace" and len(args) > 1:
        check_text(len(subject) * (1 + len(str(args[1]))) + len(str(args[1])))
    elif name == "join" and args:
        check_text(weigh_shown(args[0]) + len(subject) * weigh(args[0]))


SANDBOX = Sandbox()


def compiled(source: str) -> jinja2.Template:
    """The template, ready to render. TemplateFailed when it may not be used."""
    if len(source) > SOURCE_MAX:
        raise TooMuch("the template is too long")
    # Jinja works out constant parts while it compiles; those pay too.
    token = CURRENT.set(Budget(datetime.fromtimestamp(0, UTC)))
    try:
        tree = SANDBOX.parse(source)
        _check(tree)
        _price(tree)
        return SANDBOX.from_string(tree)
    except jinja2.TemplateError as error:
        raise TemplateFailed(f"the template cannot be used: {error}") from error
    except (RecursionError, SyntaxError, ValueError) as error:
        raise TemplateFailed("the template cannot be used: too deeply nested") from error
    finally:
        CURRENT.reset(token)


def _check(tree: nodes.Template) -> None:
    count = 0
    for node in _walk(tree):
        count += 1
        if isinstance(node, _REFUSED) or (isinstance(node, nodes.For) and node.recursive):
            raise TemplateFailed(f"the template uses {type(node).__name__}, which is not supported")
        if isinstance(node, nodes.Filter) and (node.name in ("~", "checked", "each") or node.name not in FILTERS):
            raise TemplateFailed(f"the template uses the filter {node.name!r}, which is not supported")
    if count > NODES_MAX:
        raise TooMuch("the template is too large")


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.iter_child_nodes()


def _price(node: nodes.Node, depth: int = 0) -> None:
    """Put prices into the tree, from the leaves up."""
    depth += isinstance(node, nodes.For)
    if depth > DEPTH_MAX:
        raise TooMuch("loops in the template are nested too deeply")
    for child in node.iter_child_nodes():
        _price(child, depth)
    for field, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, field, [_priced(one) for one in value])
        elif isinstance(value, nodes.Node):
            setattr(node, field, _priced(value))
    if isinstance(node, nodes.For):
        node.iter = _filter("each", node.iter, nodes.Const(_turn(node)))


def _priced(node: Any) -> Any:
    if isinstance(node, nodes.Concat):
        return _filter("~", node.nodes[0], *node.nodes[1:])
    if isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        return _filter("checked", node)
    return node


def _turn(loop: nodes.For) -> int:
    """What one turn of a loop costs."""
    inside = [node for part in loop.body for node in _walk(part)]
    text = sum(len(node.data) for node in inside if isinstance(node, nodes.TemplateData))
    return len(inside) + text // 32


def _filter(name: str, subject: nodes.Node, *args: nodes.Node) -> nodes.Filter:
    made = nodes.Filter(subject, name, list(args), [], None, None)
    for node in _walk(made):
        if getattr(node, "lineno", None) is None:
            node.lineno = 1
        if getattr(node, "environment", None) is None:
            node.environment = SANDBOX
    return made
