"""Checks `/node.json`: what is wired to a node. Pure; the same rules on CPython and on a node.

    {"name": "Attic",
     "led": "LED",
     "buses": {"wire": {"bus": "onewire", "pin": 4}},
     "parts": {"boiler": {"part": "ds18b20", "bus": "wire", "every_s": 30},
               "pump": {"part": "relay", "pin": 16, "safe": false}}}

Keys of parts become keys of points. Every problem is named with the key it is at: ("parts.pump.pin", "...").
Files of parts are imported for the kinds that are asked for, and for no others.
"""

from sluis_node.fields import REQUIRED, Bus, Field, Flag, List, Number, Pin, Record, Text
from sluis_node.pins import Board, plain

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

PARTS_MAX = 40
KEY = "abcdefghijklmnopqrstuvwxyz0123456789_"
TAKEN = ("boot", "seq", "at")

TOP = {
    "name": Text("", 64),
    "led": Pin(None),
    "led_inverted": Flag(False),
    "health_every_s": Number(60, 5, 3600),
    "lost_after_s": Number(0, 0, 86400),
    "risky_pins": Flag(False),
    "buses": Field({}),
    "parts": Field({}),
}
"""`lost_after_s`: so long without a broker, actuators go to their safe state; 0 = they stay as they are.
`risky_pins`: pins that decide how the chip starts, and such, may be used (see pins.py)."""

BUSES = {
    "onewire": {"bus": Text(), "pin": Pin(out=True)},
    "i2c": {
        "bus": Text(),
        "id": Number(None, 0, 1, True),
        "sda": Pin(out=True),
        "scl": Pin(out=True),
        "hz": Number(100000, 10000, 1000000, True),
    },
}

COMMON = {"part": Text(), "name": Text("", 64)}

NET = {
    "networks": List([], 8, Record({"ssid": Text(longest=32), "password": Text("", 64)})),
    "broker": Record(
        {
            "hosts": List(REQUIRED, 4, Text(longest=128)),
            "port": Number(8883, 1, 65535, True),
            "tls": Flag(True),
            "server": Text("", 128),
        }
    ),
    "name": Text("", 64),
    "password": Text("", 128),
    "time": List([], 4, Text(longest=128)),
    "enrolled_at": Number(0, 0, 4102444800, True),
}
"""`/net.json`: how a node comes to its broker. `server` is the name in the broker's certificate, where that is not the
host; `time` are its time servers, else the broker's hosts and the pool; `enrolled_at` is Unix time."""


class Problems:
    """What is wrong with a configuration: `found` is a list of (where, what)."""

    def __init__(self, board: "Board | None" = None) -> None:
        self.found: "list[tuple[str, str]]" = []
        self.board = board
        self.risky = False
        self._taken: "dict[Any, str]" = {}

    def add(self, where: str, what: str) -> None:
        self.found.append((where, what))

    def record(self, where: str, fields: "dict[str, Field]", told: "Any", buses: "dict[str, Any]") -> "dict[str, Any]":
        """The values of a record, with defaults for those not told."""
        if not isinstance(told, dict):
            self.add(where, "must be an object")
            return {}
        for key in told:
            if key not in fields:
                self.add(_join(where, key), "is unknown; known are " + ", ".join(sorted(fields)))
        values = {}
        for key, field in fields.items():
            at = _join(where, key)
            value = told.get(key, field.default)
            if value is REQUIRED:
                self.add(at, "is missing")
                continue
            if key in told:
                try:
                    value = field.check(value)
                    self._place(at, field, value, buses)
                except ValueError as error:
                    self.add(at, "must be %s" % error)
                    continue
            values[key] = value
        return values

    def _place(self, at: str, field: Field, value: "Any", buses: "dict[str, Any]") -> None:
        if isinstance(field, Pin):
            pin = plain(value)
            if pin in self._taken:
                self.add(at, "uses pin %s, which %s uses" % (value, self._taken[pin]))
            self._taken[pin] = at
            wrong = self.board.wrong(value, field.out, self.risky) if self.board is not None else ""
            if wrong:
                self.add(at, "is pin %s, which %s" % (value, wrong))
        elif isinstance(field, Bus):
            bus = buses.get(value) if isinstance(value, str) else None
            if bus is None or bus.get("bus") != field.kind:
                raise ValueError("the name of a bus of kind " + field.kind)

    def shared(self, where: str, part: "Any", values: "dict[str, Any]") -> None:
        """What two parts cannot have at once, beside a pin: an address on a bus, a clock of the chip."""
        bus = values.get("bus")
        if bus is not None:
            address = part.address(values)
            at = self._taken.setdefault((bus, address), where)
            if at != where:
                what = "address %s, where %s is too" % (address, at) if address else "no address, and neither has " + at
                self.add(_join(where, "address" if "address" in part.FIELDS else "bus"), "has %s" % what)
        hertz, pin = part.hertz(values), values.get("pin")
        if hertz is None or self.board is None or self.board.clock(pin) is None:
            return
        other_at = self._taken.setdefault(("channel", self.board.channel(pin)), where)
        if other_at != where:
            self.add(where + ".pin", "is driven by the same channel of the chip as %s: take another pin" % other_at)
        clock = ("clock", self.board.clock(pin))
        other = self._taken.setdefault(clock, "%s Hz for %s" % (hertz, where))
        if not other.startswith("%s Hz " % hertz):
            self.add(where + ".pin", "has %s Hz from a clock that has %s: take another pin" % (hertz, other))


def _join(where: str, key: "Any") -> str:
    return "%s.%s" % (where, key) if where else str(key)


def load(kind: str) -> "Any":
    """The class of a part. ValueError when there is none of this kind."""
    if kind and all(char in KEY for char in kind):
        try:
            module = __import__("sluis_node.parts." + kind, None, None, ("PART",))
            return module.PART
        except ImportError:
            pass
    raise ValueError("a part that this firmware knows")


def fields_of(part: "Any") -> "dict[str, Field]":
    """All that may stand in the entry of a part."""
    fields: "dict[str, Field]" = {}
    fields.update(COMMON)
    if part.EVERY_S:
        fields["every_s"] = Number(part.EVERY_S, part.EVERY_MIN_S, 86400)
    fields.update(part.FIELDS)
    return fields


def check(told: "Any", board: str = "") -> "tuple[dict[str, Any], list[tuple[str, str]]]":
    """(the configuration with its defaults filled in, what is wrong with it). Usable when nothing is wrong.

    `board` is a key of pins.py; of any other board no pin is known to be impossible.
    """
    problems = Problems(Board(board))
    problems.risky = isinstance(told, dict) and told.get("risky_pins") is True
    config = problems.record("", TOP, told, {})
    buses = _records(problems, "buses", config.get("buses"))
    for name in sorted(buses):  # the same order, and so the same findings, on both interpreters
        told_bus = buses[name]
        kind = told_bus.get("bus") if isinstance(told_bus, dict) else None
        fields = BUSES.get(kind) if isinstance(kind, str) else None
        if fields is None:
            problems.add("buses.%s.bus" % name, "must be one of " + ", ".join(sorted(BUSES)))
            buses[name] = {}
        else:
            bus = buses[name] = problems.record("buses." + name, fields, told_bus, {})
            wrong = problems.board.bus_wrong(bus) if problems.board is not None else None
            if wrong is not None:
                problems.add("buses.%s.%s" % (name, wrong[0]), wrong[1])
    parts = _records(problems, "parts", config.get("parts"))
    if len(parts) > PARTS_MAX:
        problems.add("parts", "must be at most %d" % PARTS_MAX)
        parts = {}
    for key in sorted(parts):
        parts[key] = _part(problems, key, parts[key], buses)
    config["buses"] = buses
    config["parts"] = parts
    return config, problems.found


def check_net(told: "Any") -> "tuple[dict[str, Any], list[tuple[str, str]]]":
    """The same for `/net.json`."""
    problems = Problems()
    return problems.record("", NET, told, {}), problems.found


def _part(problems: Problems, key: str, told: "Any", buses: "dict[str, Any]") -> "dict[str, Any]":
    where = "parts." + key
    kind = told.get("part") if isinstance(told, dict) else None
    try:
        part = load(kind if isinstance(kind, str) else "")
    except ValueError as error:
        problems.add(where + ".part", "must be %s" % error)
        return {}
    before = len(problems.found)
    values = problems.record(where, fields_of(part), told, buses)
    if len(problems.found) == before:
        for field, what in part.wrong(values):
            problems.add(_join(where, field), what)
        problems.shared(where, part, values)
    return values


def _records(problems: Problems, where: str, told: "Any") -> "dict[str, Any]":
    """A mapping of usable keys."""
    if not isinstance(told, dict):
        problems.add(where, "must be an object")
        return {}
    kept = {}
    for key, value in told.items():
        if not isinstance(key, str) or not 0 < len(key) <= 32 or key in TAKEN or any(c not in KEY for c in key):
            problems.add(_join(where, key), "is no key: small letters, digits and _, at most 32")
        else:
            kept[key] = value
    return kept
