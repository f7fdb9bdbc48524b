"""A node's configuration while it is edited: what was typed into the form becomes JSON again. Pure.

The form carries the whole draft: `base` is the JSON that it was drawn from, `set.<where>` what was typed at a key, and
`drawn` names the entries that were shown, so that a box that is not ticked can be told from one that was not there.
What a form does not show (keys of a firmware newer than this gateway) is kept as it is in `base`.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sluis.model.wiring import Catalogue, FieldInfo

SET = "set."
NODE = "node"
"""Stands for the file's own keys among entries."""

Json = dict[str, Any]


def typed(base: str, form: Mapping[str, str], drawn: Sequence[str], catalogue: Catalogue) -> Json:
    """The draft that a form was drawn from, with what was typed into it. ValueError when `base` is damaged."""
    draft = read(base)
    for where in drawn:
        among, _, key = where.partition(".")
        entry = draft if where == NODE else record(draft, among).get(key)
        if not isinstance(entry, dict):
            continue
        fields = catalogue.node if where == NODE else catalogue.fields(entry, among)
        for info in fields.values():
            put(entry, info, form.get(f"{SET}{where}.{info.key}"))
    return draft


def put(entry: Json, info: FieldInfo, text: str | None) -> None:
    """What was typed at one key. What is not told any more goes, and what is as it would be anyway stays away."""
    value = value_of(info, text)
    if value is None or (info.key not in entry and value == info.default):
        entry.pop(info.key, None)
    else:
        entry[info.key] = value


def value_of(info: FieldInfo, text: str | None) -> Any:
    """As JSON; what cannot be read stays text, so that the check names it and the field shows it."""
    if info.kind == "flag":
        return text is not None
    text = (text or "").strip()
    if not text:
        return None
    if info.kind == "pin":
        return int(text) if text.isdigit() else text
    if info.kind == "number":
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return text
        if not math.isfinite(number):
            return text
        return int(number) if number.is_integer() else number
    return text


def read(text: str) -> Json:
    """A JSON object. ValueError when it is none."""
    try:
        told = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    return told


def record(draft: Mapping[str, Any], among: str) -> Json:
    """`parts` or `buses`; empty where it is something else."""
    found = draft.get(among)
    return found if isinstance(found, dict) else {}


def added(draft: Json, catalogue: Catalogue, kind: str, key: str) -> Json:
    """With one more part or bus of this kind. Of a bus that it needs and that is not there, one is added too."""
    made = copy.deepcopy(draft)
    if kind in catalogue.buses:
        made["buses"] = record(made, "buses") | {free_key(record(made, "buses"), key or kind): {"bus": kind}}
        return made
    entry: Json = {"part": kind}
    for info in catalogue.kinds[kind].fields.values():
        if info.kind == "bus":
            entry["bus"], made = _bus_for(made, info.bus)
    made["parts"] = record(made, "parts") | {free_key(record(made, "parts"), key or kind): entry}
    return made


def _bus_for(draft: Json, kind: str) -> tuple[str, Json]:
    buses = record(draft, "buses")
    found = next((name for name, one in buses.items() if isinstance(one, dict) and one.get("bus") == kind), None)
    if found is not None:
        return found, draft
    name = free_key(buses, kind)
    return name, draft | {"buses": buses | {name: {"bus": kind}}}


def free_key(taken: Mapping[str, Any], wanted: str) -> str:
    """`wanted`, or with a number when somebody has it."""
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    return found


def without(draft: Json, where: str) -> Json:
    """Without a part or a bus."""
    made = copy.deepcopy(draft)
    among, _, key = where.partition(".")
    record(made, among).pop(key, None)
    return made
