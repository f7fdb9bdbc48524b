"""Regular expressions from strangers, without the runaway ones.

Python's engine backtracks and cannot be interrupted. So before a pattern meets a text, its worst case is computed:
every part that can match in more than one way multiplies the number of ways. Patterns with repetition inside
repetition (or alternatives inside repetition) have no useful bound and are refused.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sluis.wire.templates.budget import CURRENT, TooMuch

WAYS_MAX = 100_000
"""Ways in which a pattern may match a text, at worst. Each takes some tens of nanoseconds, so 100,000 are a few
milliseconds."""

PATTERN_MAX = 400
"""Characters of a pattern. The longest in the field has 90."""

STEPS_PER_WAYS = 40
"""Ways that count as one step of the render's budget."""

# The parser behind `re`; it has no public name, but has been where it is since Python 3.11.
_parser: Any = importlib.import_module("re._parser")
_REPEATS = frozenset(("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"))


def matching(pattern: Any, text: Any, *, ignore_case: bool = False) -> tuple[re.Pattern[str], str]:
    """The compiled pattern and the text, when they can be put together within the budget."""
    text, pattern = str(text), str(pattern)
    if len(pattern) > PATTERN_MAX:
        raise TooMuch("a pattern in the template is too long")
    compiled, shape = _compiled(pattern, re.IGNORECASE if ignore_case else 0)
    ways = _ways(shape, len(text)) * (len(text) + 1)
    if ways > WAYS_MAX:
        raise TooMuch(f"the pattern {pattern!r:.60} can take too long on a text of {len(text)} characters")
    CURRENT.get().spend(1 + ways // STEPS_PER_WAYS)
    return compiled, text


@lru_cache(maxsize=256)
def _compiled(pattern: str, flags: int) -> tuple[re.Pattern[str], Any]:
    try:
        shape = _parser.parse(pattern, flags)
        return re.compile(pattern, flags), shape
    except (re.error, RecursionError, OverflowError) as error:
        raise TooMuch(f"the pattern {pattern!r:.60} is not a regular expression: {error}") from error


def _ways(shape: Iterable[Any], length: int) -> int:
    """In how many ways the parts of a pattern can share a text of this length, at most."""
    total = 1
    for operator, argument in shape:
        total *= _part(str(operator), argument, length)
        if total > WAYS_MAX:
            return total
    return total


def _part(operator: str, argument: Any, length: int) -> int:
    if operator in _REPEATS:
        least, most, item = argument
        inside = _ways(item, length)
        spread = min(int(most), length) - min(int(least), length) + 1
        if inside > 1 and min(int(most), length) > 1:
            return WAYS_MAX + 1
        return max(1, spread) * inside
    if operator == "BRANCH":
        return sum(_ways(branch, length) for branch in argument[1])
    if operator == "SUBPATTERN":
        return _ways(argument[-1], length)
    if operator in ("ASSERT", "ASSERT_NOT"):
        return 1 + _ways(argument[1], length)
    if operator == "ATOMIC_GROUP":
        return _ways(argument, length)
    if operator == "GROUPREF_EXISTS":
        return WAYS_MAX + 1
    return 1
