"""Write docs/reference/points.md from the model's tables. `python tools/points_reference.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sluis.model import Kind
from sluis.model.units import MEASURED, SPARKPLUG, SWITCHED, TRIGGERED, UCUM, WORDED, ucum

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "points.md"
INTRO = """# Points: kinds, quantities, units

A *point* is one typed value that a device offers, written `DEVICE/POINT`. This page is made from `sluis.model.units` by
`python tools/points_reference.py`; a test checks that it is up to date.

Quantities are Home Assistant's device classes, and units are written as Home Assistant writes them. The UCUM code is
for programs. A device may offer a unit that stands nowhere here: its point then has no quantity.

## What a point says of itself

| field | meaning |
|---|---|
| `kind` | the type of its value, see below |
| `quantity`, `unit` | what is measured, and in what |
| `minimum`, `maximum` | the plausible range of a reading and the permitted range of a command, both ends included |
| `step` | the smallest difference a command can make |
| `options` | the words of a choice |
| `writable` | whether it can be set |
| `rate_per_s` | the largest plausible change in a second |
| `every_s` | the expected seconds between readings; silence of 2.5 times that is *stale* |
| `category` | empty for what a person looks at first; `config` or `diagnostic` for the rest |
| `proof` | the point that shows the effect of a command on this one, such as the power drawn |

## A device's own firmware

Where a device can be updated by its own protocol, these points have the same keys whatever it is:

| point | what it is |
|---|---|
| `firmware_installed` | the version that runs |
| `firmware_available` | the newest that is offered; empty or the same when there is nothing newer |
| `firmware_state` | `idle`, `scheduled`, `downloading`, `installing` or `failed` |
| `firmware_progress` | of the download, in % |
| `firmware_reason` | why the last one failed |
| `firmware_update` | starts one: without a value the newest that is offered, with a URL that image |
| `firmware_check` | looks for a newer version |

Only a technician or a rollout can write `firmware_update`.

## What goes with a value

| quality | meaning |
|---|---|
| good | as it should be |
| uncertain | outside its plausible range, or changed faster than is plausible; the value is kept as received |
| bad | no measurement: the device says that its sensor failed, or the value is too old (*stale*) |

Beside the values stands the device's availability: *online*, *offline* (it says so, or is not heard any more), or
*unknown* (nobody can tell, for instance because the link is down).
"""
KINDS = {
    Kind.NUMBER: "a number with a unit",
    Kind.SWITCH: "true or false: on or off, open or closed",
    Kind.CHOICE: "one of a list of words",
    Kind.TEXT: "free text",
    Kind.TRIGGER: "no value: something that happens (a button was pressed) or that can be done (restart)",
}


def kinds() -> Iterable[str]:
    yield "\n## Kinds\n\n| kind | value | Sparkplug type |\n|---|---|---|"
    for kind, meaning in KINDS.items():
        yield f"| `{kind.value}` | {meaning} | {SPARKPLUG[kind]} |"


def measured() -> Iterable[str]:
    yield "\n## Quantities of a number\n\n| quantity | units |\n|---|---|"
    for quantity, units in sorted(MEASURED.items()):
        yield f"| `{quantity}` | {', '.join(f'`{unit}`' if unit else 'none' for unit in sorted(units))} |"


def others() -> Iterable[str]:
    yield "\n## Quantities of the other kinds\n\n| kind | quantities |\n|---|---|"
    for kinds_, names in (("switch", SWITCHED), ("choice, text", WORDED), ("trigger", TRIGGERED)):
        yield f"| {kinds_} | {', '.join(f'`{name}`' for name in sorted(names))} |"


def ucum_codes() -> Iterable[str]:
    yield "\n## Units and their UCUM codes\n"
    yield f"A unit that is not listed has no code; programs get an annotation such as `{ucum('Beaufort')}` instead.\n"
    yield "| unit | UCUM |\n|---|---|"
    for unit, code in sorted(UCUM.items()):
        yield f"| {f'`{unit}`' if unit else 'none'} | `{code}` |"


def reference() -> str:
    return "\n".join([INTRO.rstrip("\n"), *kinds(), *measured(), *others(), *ucum_codes()]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(reference())
