"""A rule: whom it watches, what it looks for, for how long, and how bad that is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fnmatch import fnmatchcase

from sluis.rules.conditions import Condition


class Severity(IntEnum):
    """How bad an alert is; larger is worse."""

    INFO = 1
    """Somebody should know, nobody needs to run."""
    WARNING = 2
    """Something does not work as it should."""
    CRITICAL = 3
    """People or property suffer soon, or much of the building is not watched."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule may be about: a point of a device, a device (`point` ""), or something of the house.

    For a link or the gateway itself `device` is "" and `point` names it: `link:mqtt`, `gateway:disk`.
    """

    device: str
    point: str = ""
    area: str = ""
    driver: str = ""
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class Selector:
    """Which subjects a rule watches; every given pattern must match. `*` and `?` are wildcards."""

    device: str = "*"
    area: str = "*"
    driver: str = "*"
    quantity: str = "*"
    point: str = "*"

    def matches(self, subject: Subject) -> bool:
        return (
            fnmatchcase(subject.device, self.device)
            and fnmatchcase(subject.area, self.area)
            and fnmatchcase(subject.driver, self.driver)
            and fnmatchcase(subject.quantity, self.quantity)
            and fnmatchcase(subject.point, self.point)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `key` is its name in the file and in every alert it opens."""

    key: str
    when: Condition
    on: Selector = Selector()
    for_s: float = 0.0
    """How long the condition must hold before an alert opens, seconds."""
    severity: Severity = Severity.WARNING
    title: Mapping[str, str] = field(default_factory=dict)
    """What people read, by language (`nl`, `en`); empty: a sentence made from the condition."""
    owner: str = ""
    """Who it is for: a person or team; "" for whoever is on duty."""
    card: str = ""
    """Key of the instruction card that says what to do."""
    enabled: bool = True

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change when anything about the rule changes."""
        said = repr((self.key, self.when, self.on, self.for_s, self.severity, sorted(self.title.items())))
        return hashlib.sha256(f"{said}{self.owner}\0{self.card}{self.enabled}".encode()).hexdigest()[:12]

    def watches(self, subject: Subject) -> bool:
        """Whether the rule is switched on and about `subject`."""
        return self.enabled and self.when.scope == scope_of(subject) and self.on.matches(subject)


def scope_of(subject: Subject) -> str:
    """`point`, `device` or `house`."""
    if not subject.device:
        return "house"
    return "point" if subject.point else "device"
