"""Whether a configuration that came back from a node is the one it was given."""

from __future__ import annotations

import math
from typing import Any

CLOSE = 1e-5
"""A node's numbers have 32 bits: six digits survive the way there and back."""


def alike(one: Any, other: Any) -> bool:
    """The same but for the last digits of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=CLOSE)
    return bool(one == other)
