"""A child process that runs the firmware's own checks, which are the same on CPython as on a node.

`python -I -S -B firmware_says.py LIB`: one JSON object on standard input, one on standard output.

    {"do": "describe"}                               all kinds of parts and buses, and the pins of each board
    {"do": "check", "config": ..., "board": "..."}   {"wrong": [[where, what], ...]}

In a process of its own, because the firmware is no package of the gateway's and nothing of it may live there.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def field(told: Any, required: object) -> dict[str, Any]:
    """What a field may hold, as JSON."""
    kind = type(told).__name__.lower()
    found: dict[str, Any] = {"kind": kind, "needed": told.default is required}
    if told.default is not required:
        found["default"] = told.default
    for name in ("low", "high", "whole", "options", "longest", "letters", "out"):
        if hasattr(told, name):
            found[name] = getattr(told, name)
    if kind == "bus":
        found["bus"] = told.kind
    return found


def fields(told: dict[str, Any], required: object) -> dict[str, Any]:
    return {key: field(one, required) for key, one in told.items()}


def part(kind: str, config: Any, required: object) -> dict[str, Any]:
    module = importlib.import_module(f"sluis_node.parts.{kind}")
    own = {key: one for key, one in config.fields_of(module.PART).items() if key != "part"}
    settings = {key: None if one.default is required else one.default for key, one in own.items()}
    about, _, rest = (module.__doc__ or "").partition("\n\n")
    source = rest.partition("\n\n")[0]
    return {
        "about": " ".join(about.split()),
        "source": " ".join(source.split()) if source.strip().startswith("Source:") else "",
        "check": module.PART.CHECK,
        "fields": fields(own, required),
        "points": module.PART("x", settings, {}).points(),
    }


def describe(lib: Path, config: Any, pins: Any, required: object) -> dict[str, Any]:
    kinds = sorted(file.stem for file in (lib / "sluis_node" / "parts").glob("*.py") if file.stem != "__init__")
    boards = {}
    for key in pins.BOARDS:
        board = pins.Board(key)
        boards[key] = {"free": board.free, "read_only": board.read_only, "led": board.led}
        boards[key]["avoid"] = [[pin, why] for pin, why in sorted(board.avoid.items())]
    return {
        "version": importlib.import_module("sluis_node").VERSION,
        "parts": {kind: part(kind, config, required) for kind in kinds},
        "buses": {kind: fields(own, required) for kind, own in config.BUSES.items()},
        "node": fields({key: one for key, one in config.TOP.items() if key not in ("buses", "parts")}, required),
        "boards": boards,
    }


def main() -> None:
    lib = Path(sys.argv[1])
    sys.path.insert(0, str(lib))
    config = importlib.import_module("sluis_node.config")
    asked = json.load(sys.stdin)
    if asked["do"] == "check":
        answer = {"wrong": config.check(asked["config"], asked["board"])[1]}
    else:
        pins = importlib.import_module("sluis_node.pins")
        required = importlib.import_module("sluis_node.fields").REQUIRED
        answer = describe(lib, config, pins, required)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
