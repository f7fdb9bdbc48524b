"""A node's configuration as a form, made from what its firmware says of parts, buses and boards. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluis.model.wiring import Catalogue, Fault, FieldInfo, PinsInfo, PointInfo
from sluis.panel.i18n import Tongue
from sluis.panel.pages import node_words as words
from sluis.panel.pages.node_draft import NODE, SET, record
from sluis.panel.pages.words import QUANTITIES


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field, ready to draw."""

    where: str
    key: str
    label: str
    kind: str
    """`flag`, `choice` (a list) or `text`."""
    value: str
    hint: str
    needed: bool
    wrong: str
    numeric: bool = False
    options: tuple[Option, ...] = ()

    @property
    def name(self) -> str:
        return SET + self.where

    @property
    def html_id(self) -> str:
        return "f-" + self.where.replace(".", "-")

    @property
    def ticked(self) -> bool:
        return self.value == "true"


@dataclass(frozen=True, slots=True)
class EntryView:
    """A part, a bus, or the node itself."""

    where: str
    key: str
    title: str
    kind: str
    fields: tuple[FieldView, ...]
    wrong: tuple[str, ...] = ()
    """What is wrong with it that no field shows."""
    points: tuple[str, ...] = ()
    """What it measures or does."""
    check: str = ""


@dataclass(frozen=True, slots=True)
class FormView:
    """All of it."""

    node: EntryView
    parts: tuple[EntryView, ...]
    buses: tuple[EntryView, ...]
    wrong: tuple[str, ...]
    """What is wrong that no entry shows."""
    count: int
    """How many things are wrong."""
    base: str
    text: str
    kinds: tuple[Option, ...] = field(default=())
    bus_kinds: tuple[Option, ...] = field(default=())


class Drawing:
    """Draws one draft."""

    def __init__(
        self, draft: Mapping[str, Any], catalogue: Catalogue, board: str, faults: Sequence[Fault], speech: Tongue
    ) -> None:
        self._draft = draft
        self._catalogue = catalogue
        self._pins = catalogue.boards.get(board)
        self._speech = speech
        self._faults: dict[str, list[str]] = {}
        for one in faults:
            self._faults.setdefault(one.where, []).append(words.fault(speech, one.what))
        self._count = len(faults)
        self._used = pins_used(draft, catalogue)

    def view(self) -> FormView:
        speech, told = self._speech, self._catalogue
        node = self._entry(NODE, "", self._draft, told.node)
        entries = {among: self._entries(among) for among in ("parts", "buses")}
        left = tuple(f"{where} {what}".strip() for where, them in self._faults.items() for what in them)
        text = json.dumps(self._draft, indent=2, ensure_ascii=False)
        kinds = [Option(kind, words.kind(speech, kind, one.about), False) for kind, one in told.kinds.items()]
        return FormView(
            node,
            entries["parts"],
            entries["buses"],
            left,
            self._count,
            json.dumps(self._draft),
            text,
            tuple(sorted(kinds, key=lambda one: one.label)),
            tuple(Option(kind, words.kind(speech, kind), False) for kind in told.buses),
        )

    def _entries(self, among: str) -> tuple[EntryView, ...]:
        found = record(self._draft, among).items()
        return tuple(
            self._entry(f"{among}.{key}", key, one, self._catalogue.fields(one, among))
            for key, one in found
            if isinstance(one, dict)
        )

    def _entry(self, where: str, key: str, told: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> EntryView:
        kind = str(told.get("part") or told.get("bus") or "")
        shown = tuple(self._field(where, one, told.get(one.key)) for one in fields.values())
        known = self._catalogue.kinds.get(kind)
        wrong = [text for one in (where, f"{where}.part", f"{where}.bus") for text in self._faults.pop(one, ())]
        for one in [one for one in self._faults if key and one.startswith(where + ".")]:
            wrong += [f"{one.removeprefix(where + '.')} {text}" for text in self._faults.pop(one)]
        return EntryView(
            where,
            key,
            str(told.get("name") or key),
            words.kind(self._speech, kind, known.about if known else ""),
            shown,
            tuple(wrong),
            tuple(self._point(one) for one in known.points if one.unit or one.quantity) if known else (),
            known.check if known else "",
        )

    def _point(self, one: PointInfo) -> str:
        what = self._speech(QUANTITIES.get(one.quantity, one.quantity)) if one.quantity else ""
        return f"{what} ({one.unit})" if what and one.unit else what or one.unit

    def _field(self, where: str, info: FieldInfo, value: Any) -> FieldView:
        at = info.key if where == NODE else f"{where}.{info.key}"
        told = info.default if value is None else value
        kind, options = self._options(info, told, at)
        return FieldView(
            f"{where}.{info.key}",
            info.key,
            words.field(self._speech, info.key, info.kind == "flag"),
            kind,
            text_of(told),
            self._hint(info),
            info.needed,
            "; ".join(self._faults.pop(at, ())),
            info.kind == "number",
            options,
        )

    def _options(self, info: FieldInfo, told: Any, at: str) -> tuple[str, tuple[Option, ...]]:
        if info.kind == "flag":
            return "flag", ()
        if info.kind == "choice":
            named = QUANTITIES if info.key == "quantity" else {}
            return "choice", choices([(one, self._speech(named.get(one, one) or "none")) for one in info.options], told)
        if info.kind == "bus":
            buses = record(self._draft, "buses")
            fitting = [name for name, one in buses.items() if isinstance(one, dict) and one.get("bus") == info.bus]
            return "choice", choices([("", self._speech("Choose")), *((one, one) for one in fitting)], told)
        if info.kind == "pin" and self._pins is not None:
            return "choice", choices(self._pin_choices(self._pins, info, at), told)
        return "text", ()

    def _pin_choices(self, pins: PinsInfo, info: FieldInfo, at: str) -> list[tuple[str, str]]:
        speech = self._speech
        found = [("", speech("Choose") if info.needed else speech("none"))]
        if pins.led and info.key == "led" and not pins.led.isdigit():
            found.append((pins.led, pins.led))
        allowed = sorted({*pins.free, *(pins.avoid if self._draft.get("risky_pins") is True else ())})
        for pin in allowed:
            if info.out and pin in pins.read_only:
                continue
            others = [one for one in self._used.get(pin, ()) if one != at]
            note = others[0] if others else speech("input only") if pin in pins.read_only else ""
            found.append((str(pin), f"{pin}: {note}" if note else str(pin)))
        return found

    def _hint(self, info: FieldInfo) -> str:
        speech = self._speech
        if info.kind == "number" and info.low is not None and info.high is not None:
            return speech("%(low)s to %(high)s", low=_plain(info.low), high=_plain(info.high))
        return ""


def _plain(value: float) -> str:
    """As it is typed into the field: 1000000, 0.5."""
    return str(int(value)) if value == int(value) else str(value)


def choices(told: Sequence[tuple[str, str]], now: Any) -> tuple[Option, ...]:
    """With what is there now, even where it is none of them."""
    chosen = text_of(now)
    known = [value for value, _ in told]
    found = [Option(value, label, value == chosen) for value, label in told]
    return (*found, *([Option(chosen, chosen, True)] if chosen not in known else []))


def pins_used(draft: Mapping[str, Any], catalogue: Catalogue) -> dict[int, list[str]]:
    """Who is at each pin, by number."""
    found: dict[int, list[str]] = {}
    for among in ("buses", "parts"):
        for key, told in record(draft, among).items():
            if not isinstance(told, dict):
                continue
            for info in catalogue.fields(told, among).values():
                pin = told.get(info.key)
                if info.kind == "pin" and isinstance(pin, int):
                    found.setdefault(pin, []).append(f"{among}.{key}.{info.key}")
    return found


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
