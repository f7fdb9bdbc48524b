"""The house in one view: areas with their state, what needs attention, and one sentence that is true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sluis.model import Actor, DeviceState
from sluis.panel.auth import sees
from sluis.panel.i18n import N_, Tongue
from sluis.panel.pages.views import DeviceView, PointView, device_view, quick_actions
from sluis.panel.ports import House

NOWHERE = ""
"""The area of devices that are in none."""

LEVELS = {"critical": "alarm", "warning": "attention", "info": "info"}
RANK = {"alarm": 3, "attention": 2, "offline": 2, "info": 1, "ok": 0}
SHOWN_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing to attend to."""

    alerts: tuple[Any, ...]
    level: str
    sentence: str
    where: str
    href: str
    since_us: int
    owner: str
    affected: int

    @property
    def first(self) -> int:
        return int(self.alerts[0].id)


@dataclass(frozen=True, slots=True)
class AreaView:
    """A room on a card."""

    name: str
    devices: tuple[DeviceView, ...]
    level: str
    word: str
    sums: tuple[tuple[str, PointView], ...]
    """(icon, point) of the few things that matter."""
    quick: tuple[tuple[DeviceView, PointView, str], ...]

    @property
    def href(self) -> str:
        return area_href(self.name)


@dataclass(frozen=True, slots=True)
class Truth:
    """The sentence of truth: the same pattern whether all is well or not."""

    level: str
    verdict: str
    reach: str


def area_href(name: str) -> str:
    return f"/areas/{quote(name, safe='')}" if name else "/areas/-"


def devices_seen(house: House, actor: Actor, tongue: Tongue, area: str | None = None) -> list[DeviceView]:
    """Adopted devices this person sees (in one area)."""
    now_us = house.clock.stamp().at_us
    found = house.register.devices(DeviceState.ADOPTED)
    return [
        device_view(house.register, one, actor, tongue, now_us)
        for one in found
        if sees(actor, one) and (area is None or one.area == area)
    ]


def areas_of(
    views: Iterable[DeviceView], causes: Sequence[Cause], order: Sequence[str], tongue: Tongue
) -> list[AreaView]:
    """Areas in building order: as the settings say, then by name with numbers in their order."""
    groups: dict[str, list[DeviceView]] = {}
    for view in views:
        groups.setdefault(view.device.area, []).append(view)
    places = {name: number for number, name in enumerate(order)}
    named = sorted(groups, key=lambda name: (name == NOWHERE, places.get(name, len(places)), natural(name)))
    return [_area(name, groups[name], causes, tongue) for name in named]


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts 2.9 before 2.10."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(one), "") if one.isdecimal() else (1, 0, one) for one in parts if one]


def _area(name: str, views: list[DeviceView], causes: Sequence[Cause], tongue: Tongue) -> AreaView:
    away = sum(not view.online for view in views)
    levels = [cause.level for cause in causes if any(alert.device in {v.key for v in views} for alert in cause.alerts)]
    worst = max(levels, key=lambda level: RANK[level], default="ok")
    if RANK[worst] >= RANK["attention"]:
        word = tongue("alarm") if worst == "alarm" else tongue("attention")
    elif away == len(views):
        worst, word = "offline", tongue("not reachable")
    elif away:
        worst, word = "attention", tongue.plural("%(num)s not reachable", "%(num)s not reachable", away)
    else:
        worst, word = "ok", tongue("fine")
    return AreaView(name, tuple(views), worst, word, tuple(_sums(views)), tuple(quick_actions(views)))


SUMS = (
    ("occupied", ("occupancy", "presence", "motion")),
    ("climate", ("temperature",)),
    ("co2", ("carbon_dioxide",)),
    ("humidity", ("humidity",)),
    ("power", ("power",)),
)


def _sums(views: list[DeviceView]) -> list[tuple[str, PointView]]:
    """One point per thing that matters; the first device that has a good one speaks for the area."""
    found: list[tuple[str, PointView]] = []
    for icon, quantities in SUMS:
        points = [p for view in views for p in view.of(*quantities) if not p.category]
        best = min(points, key=lambda point: bool(point.mark), default=None)
        if best is not None and (icon != "power" or len(points) == 1):
            found.append((icon, best))
    return found[:4]


# -- what needs attention ---------------------------------------------------------------------------------


def causes_of(house: House, alerts: Iterable[Any], tongue: Tongue) -> list[Cause]:
    """Open alerts, grouped by cause, worst first. Alerts of one rule in one area are one thing to attend to."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for alert in alerts:
        shared = getattr(alert, "affected", ()) or len(getattr(alert, "title", ()) or ())
        key = (alert.id,) if shared else (alert.rule, area_of(house, alert), alert.severity)
        groups.setdefault(key, []).append(alert)
    made = [_cause(house, group, tongue) for group in groups.values()]
    return sorted(made, key=lambda one: (-RANK[one.level], bool(one.owner), -one.affected, one.since_us))


def _cause(house: House, alerts: list[Any], tongue: Tongue) -> Cause:
    alerts = sorted(alerts, key=lambda alert: alert.opened_at_us)
    first = alerts[0]
    keys = dict.fromkeys(key for one in alerts for key in (one.device, *getattr(one, "affected", ())) if key)
    text = sentence_of(first, tongue)
    if len(alerts) > 1:
        text = tongue(N_("%(first)s, and %(more)s more like it"), first=text, more=len(alerts) - 1)
    owners = {getattr(one, "owner", "") or one.acknowledged_by or "" for one in alerts}
    where = area_of(house, first)
    href = (
        f"/devices/{quote(first.device)}"
        if first.device and len(alerts) == 1
        else area_href(where)
        if where
        else "/system"
    )
    return Cause(
        tuple(alerts),
        LEVELS.get(first.severity, "attention"),
        text,
        where,
        href if len(alerts) > 1 or first.device else "/system",
        first.opened_at_us,
        (owners.pop() if len(owners) == 1 else "").removeprefix("person:"),
        len(keys),
    )


def sentence_of(alert: Any, tongue: Tongue) -> str:
    """What is the matter, in the reader's language where the alert knows it."""
    said = getattr(alert, "sentence", None)
    return str(said(tongue.language)) if callable(said) else str(alert.message)


def area_of(house: House, alert: Any) -> str:
    """Where an alert is about; "" for the gateway itself."""
    area = getattr(alert, "area", "")
    if area or not alert.device:
        return str(area)
    found = [one.area for one in house.register.devices() if one.key == alert.device]
    return found[0] if found else ""


def truth_of(views: Sequence[DeviceView], causes: Sequence[Cause], tongue: Tongue) -> Truth:
    """Whether the building is all right, in one sentence."""
    online = sum(view.online for view in views)
    total = len(views)
    level = max((cause.level for cause in causes), key=lambda one: RANK[one], default="ok")
    open_ones = [cause for cause in causes if cause.level != "info"]
    if level == "alarm":
        urgent = sum(cause.level == "alarm" for cause in causes)
        verdict = tongue.plural("%(num)s thing cannot wait", "%(num)s things cannot wait", urgent)
    elif open_ones:
        verdict = tongue.plural("%(num)s thing needs attention", "%(num)s things need attention", len(open_ones))
    elif online < total:
        level = "attention"
        verdict = tongue.plural("%(num)s device is not reachable", "%(num)s devices are not reachable", total - online)
    else:
        level, verdict = "ok", tongue("All is well")
    reach = tongue(
        N_("%(online)s of %(total)s devices reachable"), online=tongue.number(online), total=tongue.number(total)
    )
    return Truth("attention" if level == "info" else level, verdict, reach)
