"""How well a device is, in words: the card on its page, and the worst ten on the system page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from sluis.model import Actor, Device
from sluis.panel.api.wellness import seen
from sluis.panel.i18n import N_, Tongue
from sluis.panel.ports import Checkup, House
from sluis.twins.health import Reason

WORST = 10

FAIR, POOR = 80, 50
"""From 80 on all is well; below 50 somebody should go there. In between: at the next round."""

SENTENCES: dict[str, str] = {
    "offline": N_("out of reach for %(for_s)s"),
    "missed-reports": N_("%(heard)s of %(expected)s reports came"),
    "battery-low": N_("battery at %(percent)s %%"),
    "battery-ends": N_("battery empty in %(in_days)s days"),
    "signal-weak": N_("weak signal: %(level)s %(unit)s"),
    "signal-falling": N_("the signal changes by %(per_week)s %(unit)s a week"),
    "restarts": N_("%(count)s restarts in a week"),
    "drops": N_("was gone %(count)s times in a day"),
    "clock-off": N_("its clock is off by %(seconds)s"),
    "firmware-old": N_("no new firmware for %(days)s days"),
}
"""By `Reason.code`."""

BATTERY_LOW = N_("the battery is low")

TRENDS = {"rising": N_("rising"), "falling": N_("falling"), "steady": N_("steady")}

STEADY = 1.0
"""A change in a week that is smaller than this, in the signal's unit, is none."""

UNITS = {"lqi": N_("(of 255)")}
"""Units that a person would not know."""


@dataclass(frozen=True, slots=True)
class WellnessView:
    """A checkup, ready to draw."""

    key: str
    name: str
    area: str
    score: int
    mark: str
    """`ok`, `attention` or `alarm`."""
    reasons: tuple[tuple[str, int], ...]
    """(sentence, points)."""
    battery: str
    battery_end_us: int | None
    signal: str
    signal_trend: str
    """A word of `TRENDS`, or "" while that is not known."""
    signal_per_week: str
    at_us: int

    @property
    def href(self) -> str:
        return f"/devices/{quote(self.key)}"


def wellness_view(checkup: Checkup, device: Device, tongue: Tongue) -> WellnessView:
    """As this reader sees it."""
    health, signs, signal = checkup.health, checkup.signs, checkup.signs.signal
    unit = _unit(signal.unit if signal else "", tongue)
    per_week = signal.per_week if signal else None
    return WellnessView(
        key=device.key,
        name=device.label,
        area=device.area,
        score=health.score,
        mark="ok" if health.score >= FAIR else "attention" if health.score >= POOR else "alarm",
        reasons=tuple((sentence(reason, unit, tongue), reason.points) for reason in health.reasons),
        battery="" if signs.battery_pct is None else f"{tongue.number(signs.battery_pct)} %",
        battery_end_us=health.battery_end_us,
        signal=f"{tongue.number(signal.level)} {unit}" if signal else "",
        signal_trend=_trend(per_week),
        signal_per_week="" if per_week is None else f"{_signed(per_week, tongue)} {unit}",
        at_us=checkup.at_us,
    )


def worst(house: House, actor: Actor, tongue: Tongue) -> list[WellnessView]:
    """The devices that are worst off, of those this person may see; none that is all right."""
    known = {device.key: device for device in house.register.devices()}
    found = [one for one in seen(house, actor, known) if one.health.reasons][:WORST]
    return [wellness_view(one, known[one.device], tongue) for one in found]


def sentence(reason: Reason, unit: str, tongue: Tongue) -> str:
    """Why points are off."""
    if reason.code == "battery-low" and not reason.numbers:
        return tongue(BATTERY_LOW)
    fill = {name: _filled(name, value, tongue) for name, value in reason.numbers.items()}
    return tongue(SENTENCES[reason.code], unit=unit, **fill)


def _filled(name: str, value: float, tongue: Tongue) -> str:
    if name in ("for_s", "seconds"):
        return tongue.span(abs(value))
    return _signed(value, tongue) if name == "per_week" else tongue.number(value)


def _signed(value: float, tongue: Tongue) -> str:
    return ("+" if value > 0 else "") + tongue.number(value, 1)


def _trend(per_week: float | None) -> str:
    if per_week is None:
        return ""
    return "steady" if abs(per_week) < STEADY else "rising" if per_week > 0 else "falling"


def _unit(unit: str, tongue: Tongue) -> str:
    return tongue(UNITS[unit]) if unit in UNITS else unit
