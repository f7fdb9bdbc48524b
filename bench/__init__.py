"""Benchmarks: ratios against a named reference, measured in one run on one machine (docs/performance.md).

Each module has `measure() -> list[Figure]`; `python -m bench [NAME...]` runs them and prints a table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure. `ratio` compares with `reference` measured in the same run."""

    name: str
    value: float
    unit: str
    reference: str = ""
    ratio: float | None = None
    bar: str = ""
    """What the issue asks for, e.g. ">= 0.4"; "" where it names no figure."""
    met: bool | None = None
