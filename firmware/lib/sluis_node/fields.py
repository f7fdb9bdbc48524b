"""What may stand in a configuration file: one small class per kind of value, the same on CPython and on a node.

A field's `check` returns the value to use or raises ValueError with what would be right.
"""

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

REQUIRED = object()


class Field:
    """Anything; the base of the others. Without a default it has to be given."""

    def __init__(self, default: "Any" = REQUIRED) -> None:
        self.default = default

    def check(self, value: "Any") -> "Any":
        return value


class Flag(Field):
    def check(self, value: "Any") -> bool:
        if value is not True and value is not False:
            raise ValueError("true or false")
        return value


class Number(Field):
    """A number from `low` to `high`; with `whole` an integer."""

    def __init__(self, default: "Any", low: float, high: float, whole: bool = False) -> None:
        self.default = default
        self.low = low
        self.high = high
        self.whole = whole

    def check(self, value: "Any") -> "Any":
        kinds = int if self.whole else (int, float)
        if value is True or value is False or not isinstance(value, kinds) or not self.low <= value <= self.high:
            what = "a whole number" if self.whole else "a number"
            raise ValueError("%s from %s to %s" % (what, self.low, self.high))
        return value


class Text(Field):
    """At most `longest` characters; of `letters` only, where that is given."""

    def __init__(self, default: "Any" = REQUIRED, longest: int = 64, letters: str = "") -> None:
        self.default = default
        self.longest = longest
        self.letters = letters

    def check(self, value: "Any") -> str:
        if not isinstance(value, str) or len(value) > self.longest:
            raise ValueError("a text of at most %d characters" % self.longest)
        if self.letters and any(char not in self.letters for char in value):
            raise ValueError("a text of the characters " + self.letters)
        return value


class Choice(Field):
    def __init__(self, default: "Any", options: "tuple[str, ...]") -> None:
        self.default = default
        self.options = options

    def check(self, value: "Any") -> str:
        if value not in self.options:
            raise ValueError("one of " + ", ".join(self.options))
        return str(value)


class Pin(Field):
    """A pin: the chip's own number of it, or a name that the board gives it, such as `LED`. Nothing else may use it.

    `out` = something is driven with it.
    """

    def __init__(self, default: "Any" = REQUIRED, out: bool = False) -> None:
        self.default = default
        self.out = out

    def check(self, value: "Any") -> "int | str":
        named = isinstance(value, str) and 0 < len(value) <= 16
        if not named and (value is True or value is False or not isinstance(value, int) or not 0 <= value <= 63):
            raise ValueError("the number of a pin")
        return value  # type: ignore[no-any-return]


class Bus(Field):
    """The name of a bus of this kind, from `buses`."""

    def __init__(self, kind: str) -> None:
        self.default = REQUIRED
        self.kind = kind


class List(Field):
    """At most `longest` values, each as `each` wants it."""

    def __init__(self, default: "Any", longest: int, each: Field) -> None:
        self.default = default
        self.longest = longest
        self.each = each

    def check(self, value: "Any") -> "list[Any]":
        if not isinstance(value, list) or len(value) > self.longest:
            raise ValueError("a list of at most %d" % self.longest)
        for each in value:
            self.each.check(each)
        return value


class Record(Field):
    """An object with these fields and no others."""

    def __init__(self, fields: "dict[str, Field]", default: "Any" = REQUIRED) -> None:
        self.default = default
        self.fields = fields

    def check(self, value: "Any") -> "dict[str, Any]":
        if not isinstance(value, dict):
            raise ValueError("an object")
        for key in value:
            if key not in self.fields:
                raise ValueError("an object without " + str(key))
        for key, field in self.fields.items():
            if key in value:
                try:
                    field.check(value[key])
                except ValueError as error:
                    raise ValueError("an object whose %s is %s" % (key, error)) from None
            elif field.default is REQUIRED:
                raise ValueError("an object with " + key)
        return value
