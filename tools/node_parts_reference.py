"""Writes docs/reference/node-parts.md from the parts of the node firmware: `python tools/node_parts_reference.py`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "firmware" / "lib"
PAGE = ROOT / "docs" / "reference" / "node-parts.md"

HEAD = """\
# Parts of a node

What may stand under `parts` in a node's `node.json`, made from the firmware itself (`tools/node_parts_reference.py`).
A part's key becomes its point's key; a part with several points adds a word to it (`air_humidity`). Every part also
takes `name`, a label for people, and every one that is read takes `every_s`. How to add a kind:
[firmware/README.md](../../firmware/README.md).

```json
{"name": "Attic",
 "buses": {"wire": {"bus": "onewire", "pin": 4}, "main": {"bus": "i2c", "sda": 20, "scl": 21}},
 "parts": {"boiler": {"part": "ds18b20", "bus": "wire"},
           "air": {"part": "bme280", "bus": "main", "every_s": 60},
           "pump": {"part": "relay", "pin": 16, "safe": false}}}
```

A configuration is refused, with the key at which it is wrong, when a key is unknown, a value out of range, two things
are on one pin, two chips at one address of a bus, two of an RP2's pins on one channel for pulses or at two
frequencies on one clock, an I2C pin that is not of the `id` it is given, or when the board does not have the pin or
can only read it. Pins that decide how the chip starts, or that the radio or the console has, are refused unless the
file says `"risky_pins": true`.

A sensor that does not answer, answers damaged, or lies outside of its range is named in the node's `faults` with its
pins; its point has no new value and goes stale, or has the impossible one, which the gateway marks as bad. A stuck
I2C bus is clocked free where that can be done. The factory test gives the same sentence, and what to check.
"""


def words(field: Any) -> str:
    """What a field may hold."""
    kind = type(field).__name__
    if kind == "Number":
        return f"{'whole number' if field.whole else 'number'}, {field.low} to {field.high}"
    if kind == "Choice":
        return ", ".join(f"`{one}`" for one in field.options if one)
    if kind == "Text":
        return f"text, at most {field.longest} characters"
    if kind == "Bus":
        return f"name of a bus of kind `{field.kind}`"
    if kind == "Pin":
        return "pin, driven" if field.out else "pin"
    return "true or false"


def default(field: Any, required: object) -> str:
    if field.default is required:
        return "needed"
    told = field.default
    return f"`{str(told).lower() if isinstance(told, bool) else told}`" if told not in ("", None) else ""


def section(kind: str, module: Any, config: Any, required: object) -> Iterator[str]:
    part = module.PART
    fields = {key: field for key, field in config.fields_of(part).items() if key not in ("part", "name")}
    settings = {key: None if field.default is required else field.default for key, field in fields.items()}
    about, _, rest = (module.__doc__ or "").partition("\n\n")
    yield f"## {kind}\n"
    yield f"{about}\n"
    source = rest.partition("\n\n")[0].strip()
    if source.startswith("Source:"):
        yield f"{' '.join(source.split())}\n"
    yield "| key | what | unless told |\n|---|---|---|"
    for key, field in fields.items():
        yield f"| `{key}` | {words(field)} | {default(field, required)} |"
    yield "\n| point | kind | range | unit |\n|---|---|---|---|"
    for suffix, point in part("x", settings, {}).points().items():
        name = f"its key and `_{suffix}`" if suffix else "its key"
        low, high = point.get("min", ""), point.get("max", "")
        spread = f"{low} to {high}" if high != "" and high is not None else ""
        what = (point.get("quantity") or point.get("kind", "number")) + (
            ", can be set" if point.get("writable") else ""
        )
        yield f"| {name} | {what} | {spread} | {point.get('unit', '')} |"
    if getattr(part, "CHECK", ""):
        yield f"\nWhen its test fails: {part.CHECK}"
    yield ""


def page() -> str:
    sys.path.insert(0, str(LIB))
    try:
        config = importlib.import_module("sluis_node.config")
        required = importlib.import_module("sluis_node.fields").REQUIRED
        kinds = sorted(file.stem for file in (LIB / "sluis_node" / "parts").glob("*.py") if file.stem != "__init__")
        lines = [HEAD]
        for kind in kinds:
            module = importlib.import_module(f"sluis_node.parts.{kind}")
            lines += section(kind, module, config, required)
    finally:
        sys.path.remove(str(LIB))
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
