"""An alert: the open episode of a condition, with what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluis.rules import Severity
from sluis.watch.sentences import sentence

Params = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode. It clears itself; a person acknowledges (takes) it."""

    id: int
    rule: str
    version: str
    """Version of the rule that opened it."""
    severity: str
    """`info`, `warning`, `critical`."""
    device: str
    """Device key; "" when it is about a link or the gateway."""
    point: str
    """Point key, `link:NAME` or `gateway:WHAT`; "" when it is about the device."""
    area: str
    opened_at_us: int
    what: str
    """Id of its sentence in `watch.sentences`."""
    params: Params = field(default_factory=dict)
    """What the sentence needs: labels, value, limit."""
    title: Mapping[str, str] = field(default_factory=dict)
    """The rule's own words, by language."""
    owner: str = ""
    """Who has it."""
    card: str = ""
    """Key of the instruction card."""
    acknowledged_at_us: int = 0
    acknowledged_by: str = ""
    cleared_at_us: int = 0
    affected: tuple[str, ...] = ()
    """Devices that cannot be reached because of this: the evidence of a common cause."""
    folded_into: int = 0
    """Id of the alert of the common cause that this one turned out to be part of."""

    @property
    def open(self) -> bool:
        return self.cleared_at_us == 0

    @property
    def level(self) -> Severity:
        return Severity[self.severity.upper()]

    @property
    def message(self) -> str:
        return self.sentence("en")

    def sentence(self, language: str) -> str:
        """What is the matter, in `nl` or `en`."""
        said = sentence(self.what, language, {**self.params, "affected": len(self.affected)})
        title = self.title.get(language) or next(iter(self.title.values()), "")
        return f"{title}: {said}" if title else said


@dataclass(frozen=True, slots=True)
class AlertStep:
    """One thing that happened to an alert."""

    alert_id: int
    at_us: int
    what: str
    """`opened`, `acknowledged`, `note`, `assigned`, `changed`, `folded`, `cleared`, `notified`."""
    who: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing to attend to: an alert with all it affects, or several alerts of one rule."""

    alerts: tuple[Alert, ...]
    """The worst and oldest first; at least one."""

    @property
    def key(self) -> str:
        return f"alert:{self.alerts[0].id}" if len(self.alerts) == 1 else f"rule:{self.alerts[0].rule}"

    @property
    def severity(self) -> str:
        return self.alerts[0].severity

    @property
    def since_us(self) -> int:
        return min(alert.opened_at_us for alert in self.alerts)

    @property
    def owner(self) -> str:
        """Who has it; "" while any of it is nobody's."""
        owners = {alert.owner for alert in self.alerts}
        return owners.pop() if len(owners) == 1 else ""

    @property
    def affected(self) -> tuple[str, ...]:
        """Keys of all devices concerned, each once."""
        keys = [key for alert in self.alerts for key in (alert.device, *alert.affected) if key]
        return tuple(dict.fromkeys(keys))

    def sentence(self, language: str) -> str:
        first = self.alerts[0]
        if len(self.alerts) == 1:
            return first.sentence(language)
        return sentence("and-more", language, {"first": first.sentence(language), "more": len(self.alerts) - 1})


def rank(alert: Alert) -> tuple[int, int, int, int]:
    """Sort key: worst first, then nobody's before somebody's, then most affected, then oldest."""
    return (-alert.level, bool(alert.acknowledged_at_us), -len(alert.affected), alert.opened_at_us)


def grouped(alerts: list[Alert]) -> list[Cause]:
    """Open alerts as causes, worst first. Alerts of one rule about several subjects are one cause."""
    groups: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=rank):
        groups.setdefault(f"{alert.id}" if alert.affected else alert.rule, []).append(alert)
    return sorted((Cause(tuple(group)) for group in groups.values()), key=lambda cause: rank(cause.alerts[0]))
