"""How a node describes itself, twice, from one table of points. Pure.

`sluis/<id>/announce` is docs/reference/node-telemetry.md, version 1. `homeassistant/device/<id>/config` is a device of
Home Assistant's MQTT discovery (2024.12 or newer, also read by openHAB and others), so a node needs no Sluis at all.
Both are made in pieces: a node of forty points announces 8 kB and never has them in memory as a whole.
"""

import json

from sluis_node import VERSION

try:
    from typing import Any, Iterable, Iterator
except ImportError:  # a node has no typing
    pass

ORIGIN = "Sluis node"

DOES = ("identify", "restart", "test", "log", "config", "wipe")
"""What a node can be asked on `do`."""

BUTTONS = {"identify": "identify", "restart": "restart"}
"""Of these, what Home Assistant shows as buttons, with their device class."""

COUNTED = ("energy", "water", "gas", "volume", "precipitation")
"""Quantities that a meter adds up."""

HEALTH: "dict[str, dict[str, Any]]" = {
    "uptime": {"quantity": "duration", "unit": "s", "min": 0},
    "free_memory": {"quantity": "data_size", "unit": "B", "min": 0},
    "rssi": {"quantity": "signal_strength", "unit": "dBm", "min": -120, "max": 0},
    "chip_temperature": {"quantity": "temperature", "unit": "°C", "min": -40, "max": 125},
    "reset_cause": {"kind": "text"},
    "dropped": {"min": 0},
    "faults": {"kind": "text"},
    "safe_mode": {"kind": "switch"},
}
"""The node's own points, all in category diagnostic."""


def health_points(every_s: int, wireless: bool, warm: bool) -> "dict[str, dict[str, Any]]":
    """The node's own points, without the radio's or the chip's temperature where there is none."""
    found = {}
    for key, about in HEALTH.items():
        if (key == "rssi" and not wireless) or (key == "chip_temperature" and not warm):
            continue
        about = dict(about)
        about["category"] = "diagnostic"
        if about.get("kind", "number") == "number":
            about["every_s"] = every_s
        found[key] = about
    return found


class Card:
    """What a node is: its id, its name for people, its board and the chip on it."""

    def __init__(self, id: str, name: str = "", board: str = "", hardware: str = "", firmware: str = VERSION) -> None:
        self.id = id
        self.name = name or "Node " + id[-6:]
        self.board = board or "node"
        self.hardware = hardware
        self.firmware = firmware


def sluis(card: Card, points: "dict[str, dict[str, Any]]") -> "Iterator[bytes]":
    """The announcement for Sluis."""
    head = {"name": card.name, "vendor": "Sluis", "model": card.board, "firmware": card.firmware, "does": list(DOES)}
    return _object(head, "points", points.items())


def home_assistant(card: Card, points: "dict[str, dict[str, Any]]") -> "Iterator[bytes]":
    """The announcement for Home Assistant."""
    branch = "sluis/" + card.id
    device = {
        "ids": [card.id],
        "name": card.name,
        "mf": "Sluis",
        "mdl": card.board,
        "sw": card.firmware,
        "sn": card.id,
    }
    if card.hardware:
        device["hw"] = card.hardware
    head = {
        "dev": device,
        "o": {"name": ORIGIN, "sw": card.firmware},
        "~": branch,
        "avty_t": "~/status",
        "stat_t": "~/telemetry",
        "qos": 1,
    }
    return _object(head, "cmps", _components(card, points))


def _components(card: Card, points: "dict[str, dict[str, Any]]") -> "Iterator[tuple[str, dict[str, Any]]]":
    for key, about in points.items():
        yield key, _component(card, key, about)
    for do, look in BUTTONS.items():
        about = {"p": "button", "uniq_id": card.id + "_" + do, "dev_cla": look, "ent_cat": "config"}
        about.update({"cmd_t": "~/do", "pl_prs": '{"call":"button","do":"%s"}' % do})
        yield do, about
    yield (
        "firmware",
        {
            "p": "update",
            "uniq_id": card.id + "_firmware",
            "dev_cla": "firmware",
            "ent_cat": "diagnostic",
            "stat_t": "~/update",
        },
    )


def _component(card: Card, key: str, about: "dict[str, Any]") -> "dict[str, Any]":
    kind = about.get("kind", "number")
    writable = about.get("writable") is True
    platform = _platform(kind, writable)
    made = {"p": platform, "uniq_id": card.id + "_" + key, "name": about.get("name") or _words(key)}
    if about.get("category"):
        made["ent_cat"] = about["category"]
    if kind == "trigger":
        made.update({"cmd_t": "~/set/" + key, "pl_prs": "true"})
        return made
    # A message holds only what is new, so a value that is not in it changes nothing.
    if kind == "switch":
        made["val_tpl"] = "{{value_json.%s|default('')}}" % key
        names = ("stat_on", "stat_off") if writable else ("pl_on", "pl_off")
        made[names[0]], made[names[1]] = "True", "False"
        if writable:
            made.update({"pl_on": "true", "pl_off": "false"})
    elif kind == "number":
        made["val_tpl"] = "{{value_json.%s|default('')}}" % key
    else:
        made["val_tpl"] = "{{value_json.%s|default(this.state)}}" % key
    quantity, unit = about.get("quantity"), about.get("unit")
    if quantity and (kind in ("number", "switch")):
        made["dev_cla"] = quantity
    if kind == "number":
        if unit:
            made["unit_of_meas"] = unit
        if writable:
            made.update({"min": about.get("min", 0), "max": about.get("max", 100), "step": about.get("step", 1)})
        else:
            made["stat_cla"] = "total_increasing" if quantity in COUNTED else "measurement"
            if about.get("every_s"):
                made["exp_aft"] = int(about["every_s"] * 5 // 2 + 1)
    if writable:
        made["cmd_t"] = "~/set/" + key
        if kind == "choice":
            made.update({"ops": about.get("options", []), "cmd_tpl": "{{value|tojson}}"})
        elif kind == "text":
            made["cmd_tpl"] = "{{value|tojson}}"
    return made


def _platform(kind: str, writable: bool) -> str:
    if kind == "trigger":
        return "button"
    if kind == "switch":
        return "switch" if writable else "binary_sensor"
    if not writable:
        return "sensor"
    return {"number": "number", "choice": "select"}.get(kind, "text")


def _words(key: str) -> str:
    words = key.replace("_", " ")
    return words[:1].upper() + words[1:]


def _object(head: "dict[str, Any]", last: str, entries: "Iterable[tuple[str, dict[str, Any]]]") -> "Iterator[bytes]":
    """`head` as JSON, with one more key that holds `entries`, a piece for each."""
    yield ("%s,%s:{" % (_json(head)[:-1], _json(last))).encode()
    between = ""
    for key, value in entries:
        yield ("%s%s:%s" % (between, _json(key), _json(value))).encode()
        between = ","
    yield b"}}"


def _json(value: "Any") -> str:
    return json.dumps(value, separators=(",", ":"))


def size_of(pieces: "Iterable[bytes]") -> int:
    total = 0
    for piece in pieces:
        total += len(piece)
    return total
