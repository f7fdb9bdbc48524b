"""Run the benchmarks named on the command line, or all of them; `--json` for machines."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import sys

import bench

HELD_BACK = {"__main__", "floor", "load", "site"}
"""Modules that are parts of benchmarks, not benchmarks."""


def main() -> int:
    arguments = sys.argv[1:]
    as_json = "--json" in arguments
    names = [name for name in arguments if not name.startswith("-")]
    if not names:
        names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in HELD_BACK)
    figures = []
    for name in names:
        for figure in importlib.import_module(f"bench.{name}").measure():
            figures.append({"bench": name, **dataclasses.asdict(figure)})
            if not as_json:
                show(name, figure)
    if as_json:
        print(json.dumps(figures, indent=2))
    return int(any(figure["met"] is False for figure in figures))


def show(bench_name: str, figure: bench.Figure) -> None:
    ratio = f"{figure.ratio:.2f} x {figure.reference}" if figure.ratio is not None else figure.reference
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    print(
        f"{bench_name:10} {figure.name:46} {figure.value:>10.4g} {figure.unit:8} {ratio:34} {figure.bar:10} {verdict}"
    )
    sys.stdout.flush()


sys.exit(main())
